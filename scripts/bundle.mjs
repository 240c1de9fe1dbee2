import { parseArgs } from 'node:util';
import { bundleService } from './bundle-service.mjs';
import { inRoot } from './project-paths.mjs';
import { services } from './start-services.mjs';

/** `npm run build -- [SERVICE…]` writes dist/SERVICE for each service folder named, or for all. */
const folders = services.map(({ folder }) => folder);
const { positionals } = parseArgs({ allowPositionals: true });
const unknown = positionals.filter((name) => !folders.includes(name));
if (unknown.length > 0) {
  console.error(`There is no service '${unknown.join("', '")}': use ${folders.join(', ')}.`);
  process.exit(2);
}
for (const folder of positionals.length > 0 ? positionals : folders) {
  const bytes = await bundleService(folder, inRoot(`dist/${folder}`));
  console.log(`dist/${folder}: ${(bytes / 1e6).toFixed(1)} MB`);
}
