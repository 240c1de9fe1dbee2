import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeManifests } from './describe-manifests.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
for (const [path, text] of await describeManifests(root)) {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}
console.log('The manifests of every service are up to date.');
