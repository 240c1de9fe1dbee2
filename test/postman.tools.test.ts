import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestService } from '@trainer/common/testing';
import { services } from '@trainer/services';
import { describe, expect, it } from 'vitest';
import { runNpx } from './run-npx.ts';

const COLLECTION = 'docs/postman/trainer-apis.postman_collection.json';
const collection = JSON.parse(await readFile(COLLECTION, 'utf8')) as {
  readonly variable: readonly { readonly key: string; readonly value: string }[];
  readonly item: readonly { readonly name: string; readonly item: readonly object[] }[];
};

interface Assertion {
  readonly name: string;
  readonly error: string | undefined;
  readonly isSkipped: boolean;
}

/** Runs the collection against all services, started for it; resolves with every assertion that it made. */
async function runCollection(token: string): Promise<Assertion[]> {
  // Jobs stay until they are cancelled.
  const env = {
    TRAINER_MOCK_SUBMITTED_SECONDS: '3600',
    ...(token !== '' && { TRAINER_API_TOKEN: token }),
  };
  await using started = new AsyncDisposableStack();
  const addresses = new Map<string, string>();
  for (const { backend, port } of services) {
    const service = started.use(await startTestService({ backend, env }));
    addresses.set(`http://localhost:${port}`, service.url);
  }
  const variables = [
    ...collection.variable
      .filter(({ value }) => addresses.has(value))
      .map(({ key, value }) => [key, addresses.get(value)]),
    ['token', token],
  ];
  const folder = await mkdtemp(join(tmpdir(), 'newman-'));
  try {
    const report = join(folder, 'report.json');
    const { stdout, stderr } = await runNpx(
      ['newman@6.2.2'],
      [
        ...['newman', 'run', COLLECTION],
        ...['--reporters', 'json', '--reporter-json-export', report],
        ...variables.flatMap(([key, value]) => ['--env-var', `${key}=${value}`]),
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
  const folders = collection.item.flatMap(({ name, item }) => item.map(() => name));
  return executions.flatMap(({ item, requestError, assertions }, index) => {
    const service = folders[index];
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
