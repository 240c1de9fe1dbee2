import { writeFile } from 'node:fs/promises';
import { describeApi } from './describe-api.ts';
import { describePostman } from './describe-postman.ts';
import { toOpenApi30 } from './to-openapi-30.ts';

const openapi = await describeApi();
const files = {
  'openapi.json': openapi,
  'openapi-3.0.json': `${JSON.stringify(toOpenApi30(JSON.parse(openapi)), null, 2)}\n`,
  'postman/trainer-apis.postman_collection.json': describePostman(),
};
for (const [name, text] of Object.entries(files)) {
  await writeFile(new URL(`../docs/${name}`, import.meta.url), text);
  console.log(`docs/${name} is up to date.`);
}
