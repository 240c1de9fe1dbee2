import { fileURLToPath } from 'node:url';
import { findImportViolations } from './find-import-violations.ts';
import { levels } from './layers.ts';

const violations = await findImportViolations(
  fileURLToPath(new URL('..', import.meta.url)),
  levels,
);
for (const violation of violations) console.error(violation);
if (violations.length === 0) console.log('Every import keeps to its layer.');
else process.exitCode = 1;
