import { cp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { services } from '@trainer/services';
import { build } from 'esbuild';
import { buildPage } from './build-page.mjs';
import { docsPage, kubeConfigOnly } from './bundle-plugins.mjs';
import { collectLicences } from './collect-licences.mjs';
import { inRoot, root } from './project-paths.mjs';

/** What CommonJS packages expect to find around them, in a bundle that is an ES module. */
const COMMONJS_GLOBALS = `import { createRequire as __createRequire } from 'node:module';
const require = __createRequire(import.meta.url), __dirname = import.meta.dirname, __filename = import.meta.filename;`;

/**
 * Writes all that one service needs besides Node into `outDir`, emptied before: `server.mjs`, the
 * chunks that it loads later, `healthcheck.mjs`, the local runner's `run-shim.mjs`, the page (`dist`), the docs page and the licences. Returns its size
 * in bytes. Not minified and without source maps, so that stack traces can be read as they come.
 */
export async function bundleService(folder, outDir) {
  const service = services.find((candidate) => candidate.folder === folder);
  if (service === undefined) throw new Error(`there is no service ${folder}`);
  await rm(outDir, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: {
      server: `services/${folder}/src/server.ts`,
      healthcheck: 'scripts/healthcheck.mjs',
      'run-shim': 'packages/common/src/runners/local/run-shim.mjs',
    },
    outdir: outDir,
    outExtension: { '.js': '.mjs' },
    chunkNames: 'chunk-[hash]',
    bundle: true,
    // What is imported lazily stays in files of its own.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    define: { SERVICE_PORT: String(service.port) },
    banner: { js: COMMONJS_GLOBALS },
    legalComments: 'inline',
    plugins: [docsPage, kubeConfigOnly],
    metafile: true,
    logLevel: 'warning',
  });
  await cp(docsPageFolder(), join(outDir, 'static'), { recursive: true });
  await cp(inRoot('LICENSE'), join(outDir, 'LICENSE'));
  const pageSources = await buildPage(join(outDir, 'dist'));
  const licences = await collectLicences([...Object.keys(metafile.inputs), ...pageSources]);
  await writeFile(join(outDir, 'THIRD_PARTY_LICENSES'), licences);
  return sizeOf(outDir);
}

function docsPageFolder() {
  const { resolve } = createRequire(inRoot('packages/common/package.json'));
  return join(dirname(resolve('@fastify/swagger-ui')), 'static');
}

async function sizeOf(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = files.map(async (file) => (await stat(join(file.parentPath, file.name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
