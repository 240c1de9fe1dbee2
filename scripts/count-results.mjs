// Prints how many tests passed and failed in one stage of .ci/run: `REPORT.json EXIT_CODE`.
import { readFileSync } from 'node:fs';

const [report, exitCode] = process.argv.slice(2);
const { numPassedTests: passed, numFailedTests } = JSON.parse(readFileSync(report, 'utf8'));
// A file that cannot be loaded fails the run, but is no failed test; nor may "no test" pass.
const otherFailure = exitCode !== '0' || passed === 0;
const failed = numFailedTests === 0 && otherFailure ? 1 : numFailedTests;
if (!Number.isInteger(passed) || !Number.isInteger(failed)) throw new Error('No vitest report.');
console.log(`${passed} ${failed}`);
