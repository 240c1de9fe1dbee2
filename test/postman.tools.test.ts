import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestService } from '@trainer/common/testing';
import { HfUnslothBackend, MetaBackend, NemoBackend } from '@trainer/services';
import { describe, expect, it } from 'vitest';
import { runNpx } from './run-npx.ts';

interface Assertion {
  readonly name: string;
  readonly error: string | undefined;
  readonly isSkipped: boolean;
}

/** Runs the collection against three started services; resolves with every assertion that it made. */
async function runCollection(token: string): Promise<Assertion[]> {
  // Jobs stay until they are cancelled.
  const env = {
    TRAINER_MOCK_SUBMITTED_SECONDS: '3600',
    ...(token !== '' && { TRAINER_API_TOKEN: token }),
  };
  await using nemo = await startTestService({ backend: new NemoBackend(), env });
  await using meta = await startTestService({ backend: new MetaBackend(), env });
  await using hfUnsloth = await startTestService({ backend: new HfUnslothBackend(), env });
  const variables = {
    nemoUrl: nemo.url,
    metaUrl: meta.url,
    hfUnslothUrl: hfUnsloth.url,
    token,
  };
  const folder = await mkdtemp(join(tmpdir(), 'newman-'));
  try {
    const report = join(folder, 'report.json');
    const { stdout, stderr } = await runNpx(
      ['newman@6.2.2'],
      [
        ...['newman', 'run', 'docs/postman/trainer-apis.postman_collection.json'],
        ...['--reporters', 'json', '--reporter-json-export', report],
        ...Object.entries(variables).flatMap(([key, value]) => ['--env-var', `${key}=${value}`]),
      ],
    );
    const text = await readFile(report, 'utf8').catch(() => {
      throw new Error(`newman wrote no report: ${stdout}${stderr}`);
    });
    return toAssertions(JSON.parse(text).run.executions);
  } finally {
    await rm(folder, { recursive: true });
  }
}

interface Execution {
  readonly item: { readonly name: string };
  readonly request: { readonly url: { readonly port: string } };
  readonly requestError?: { readonly message: string };
  readonly assertions?: readonly {
    readonly assertion: string;
    readonly skipped?: boolean;
    readonly error?: { readonly message: string };
  }[];
}

function toAssertions(executions: readonly Execution[]): Assertion[] {
  return executions.flatMap(({ item, requestError, assertions }, index) => {
    const service = ['nemo', 'meta', 'hf-unsloth'][Math.floor((index * 3) / executions.length)];
    const none = { assertion: 'is tested', error: requestError ?? { message: 'nothing is' } };
    return (assertions ?? [none]).map(({ assertion, error, ...rest }) => ({
      name: `${service}: ${item.name} ${assertion}`,
      error: error?.message,
      isSkipped: 'skipped' in rest && rest.skipped === true,
    }));
  });
}

for (const token of ['', 'postman-token']) {
  const assertions = await runCollection(token);

  describe(token === '' ? 'open services' : 'services that want a token', () => {
    it('answer every request', () => {
      expect(assertions.length).toBeGreaterThan(80);
      expect(assertions.filter(({ isSkipped }) => isSkipped)).toHaveLength(token === '' ? 6 : 0);
    });

    it.each(assertions.filter(({ isSkipped }) => !isSkipped))('$name', ({ error }) => {
      expect(error).toBeUndefined();
    });
  });
}
