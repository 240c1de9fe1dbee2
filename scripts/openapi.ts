import { writeFile } from 'node:fs/promises';
import { describeApi } from './describe-api.ts';
import { describePostman } from './describe-postman.ts';

const files = {
  'openapi.json': await describeApi(),
  'postman/trainer-apis.postman_collection.json': describePostman(),
};
for (const [name, text] of Object.entries(files)) {
  await writeFile(new URL(`../docs/${name}`, import.meta.url), text);
  console.log(`docs/${name} is up to date.`);
}
