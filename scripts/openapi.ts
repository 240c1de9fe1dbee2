import { writeFile } from 'node:fs/promises';
import { describeApi } from './describe-api.ts';

await writeFile(new URL('../docs/openapi.json', import.meta.url), await describeApi());
console.log('docs/openapi.json is what the services serve.');
