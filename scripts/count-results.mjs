// Prints how many tests passed and failed in one stage of .ci/run: `REPORT EXIT_CODE`.
import { readFileSync } from 'node:fs';

const [report, exitCode] = process.argv.slice(2);
const text = readFileSync(report, 'utf8');
const counts = text.trimStart().startsWith('<') ? countJunit(text) : countVitest(JSON.parse(text));
// A file that cannot be loaded fails the run, but is no failed test; nor may "no test" pass.
const otherFailure = exitCode !== '0' || counts.passed === 0;
const failed = counts.failed === 0 && otherFailure ? 1 : counts.failed;
if (!Number.isInteger(counts.passed) || !Number.isInteger(failed)) {
  throw new Error('That is no report of vitest or pytest.');
}
console.log(`${counts.passed} ${failed}`);

function countVitest({ numPassedTests, numFailedTests }) {
  return { passed: numPassedTests, failed: numFailedTests };
}

function countJunit(xml) {
  const [suite] = /<testsuite [^>]*>/.exec(xml) ?? [''];
  const count = (name) => Number(new RegExp(` ${name}="(\\d+)"`).exec(suite)?.[1]);
  const failed = count('failures') + count('errors');
  return { passed: count('tests') - failed - count('skipped'), failed };
}
