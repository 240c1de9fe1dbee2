import { writeFile } from 'node:fs/promises';
import { describeRuntimeTable, readRuntimeSettings } from './describe-runtime-table.ts';

const path = 'packages/common/src/requests/runtime-table.ts';
const text = describeRuntimeTable(await readRuntimeSettings());
await writeFile(new URL(`../${path}`, import.meta.url), text);
console.log(`${path} is up to date.`);
