import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('count-results.mjs', import.meta.url));
const JUNIT = (counts: string) =>
  `<?xml version="1.0"?><testsuites name="pytest"><testsuite name="pytest" ${counts} time="1"><testcase/></testsuite></testsuites>`;
const VITEST = (numPassedTests: number, numFailedTests: number) =>
  JSON.stringify({ numPassedTests, numFailedTests });

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'count-results-'));
});
afterAll(() => rm(folder, { recursive: true }));

it.each([
  ['vitest', VITEST(7, 0), '0', '7 0'],
  ['vitest, some failed', VITEST(5, 2), '1', '5 2'],
  ['vitest, a file that cannot be loaded', VITEST(5, 0), '1', '5 1'],
  ['vitest, no test', VITEST(0, 0), '0', '0 1'],
  ['pytest', JUNIT('errors="0" failures="0" skipped="0" tests="9"'), '0', '9 0'],
  [
    'pytest, some failed or skipped',
    JUNIT('errors="1" failures="2" skipped="3" tests="9"'),
    '1',
    '3 3',
  ],
  [
    'pytest, killed after its report',
    JUNIT('errors="0" failures="0" skipped="0" tests="9"'),
    '137',
    '9 1',
  ],
])('counts the report of %s', async (_name, report, exitCode, expected) => {
  const file = join(folder, 'report');
  await writeFile(file, report);
  expect(execFileSync(process.execPath, [PROGRAM, file, exitCode], { encoding: 'utf8' })).toBe(
    `${expected}\n`,
  );
});

it.each([['{}'], ['<html></html>']])('refuses %s, which is no report', async (text) => {
  const file = join(folder, 'report');
  await writeFile(file, text);
  const run = () => execFileSync(process.execPath, [PROGRAM, file, '0'], { stdio: 'pipe' });
  expect(run).toThrow('no report');
});
