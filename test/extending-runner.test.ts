import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const COMMON = 'packages/common';
const run = promisify(execFile);

/** The repository as it would be with the files of the page in it. */
let workspace: string;

beforeAll(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'extending-runner-'));
  for (const entry of ['src', 'test', 'package.json']) {
    await cp(join(ROOT, COMMON, entry), join(workspace, COMMON, entry), { recursive: true });
  }
  const page = await readFile(join(ROOT, 'docs/EXTENDING.md'), 'utf8');
  for (const [, path = '', text = ''] of page.matchAll(/^`([^`]+)`:\n\n```ts\n([\s\S]*?)^```/gm)) {
    if (!path.startsWith(COMMON)) continue;
    await mkdir(dirname(join(workspace, path)), { recursive: true });
    await writeFile(join(workspace, path), text);
  }
  for (const entry of ['node_modules', `${COMMON}/node_modules`]) {
    await symlink(join(ROOT, entry), join(workspace, entry));
  }
});
afterAll(() => rm(workspace, { recursive: true }));

it('shows a runner and its test, which the type checker accepts', async () => {
  const folder = join(workspace, COMMON, 'src/runners/process');
  expect((await readdir(folder)).sort()).toEqual(['process-runner.test.ts', 'process-runner.ts']);
  const config = {
    extends: join(ROOT, 'tsconfig.base.json'),
    include: [folder],
  };
  await writeFile(join(workspace, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout } = await run(process.execPath, [tsc, '-p', workspace]).catch((error) => error);
  expect(stdout).toBe('');
}, 120_000);

it('shows a runner that passes the suite of all runners', async () => {
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const output = join(workspace, 'report.json');
  const args = ['--reporter=json', `--outputFile=${output}`, 'src/runners/process'];
  await run(process.execPath, [vitest, 'run', '--root', workspace, ...args]).catch(() => {});
  const report = JSON.parse(await readFile(output, 'utf8'));
  const failures = report.testResults
    .flatMap(({ assertionResults }: { assertionResults: unknown[] }) => assertionResults)
    .filter(({ status }: { status: string }) => status !== 'passed');
  expect(failures).toEqual([]);
  expect(report).toMatchObject({ success: true, numFailedTests: 0 });
  expect(report.numPassedTests).toBeGreaterThan(10);
}, 120_000);
