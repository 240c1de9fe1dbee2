import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { services } from '@trainer/services';
import { bundleService } from './bundle-service.mjs';
import { inRoot } from './project-paths.mjs';

/** `npm run build -- [--out FOLDER] [SERVICE…]` writes FOLDER/SERVICE for those services, or all. */
const folders = services.map(({ folder }) => folder);
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string', default: inRoot('dist') } },
});
const unknown = positionals.filter((name) => !folders.includes(name));
if (unknown.length > 0) {
  console.error(`There is no service '${unknown.join("', '")}': use ${folders.join(', ')}.`);
  process.exit(2);
}
for (const folder of positionals.length > 0 ? positionals : folders) {
  const outDir = join(values.out, folder);
  const bytes = await bundleService(folder, outDir);
  console.log(`${outDir}: ${(bytes / 1e6).toFixed(1)} MB`);
}
