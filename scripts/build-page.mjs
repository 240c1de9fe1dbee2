import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { inRoot, root } from './project-paths.mjs';

const SOURCE = inRoot('packages/page/src');
/** Of which the page takes a module. */
const CLIENT = inRoot('packages/client/src');
const BUILT = inRoot('packages/page/dist');
const STAMP = '.built';
const COPIED = ['index.html', 'icon.svg'];

/** Builds the page into its package unless that was done with these sources; it takes a fraction of a second. */
export async function buildPageWhenNeeded() {
  const wanted = await fingerprint();
  const built = await readFile(join(BUILT, STAMP), 'utf8').catch(() => undefined);
  if (built === wanted) return;
  await buildPage(BUILT);
  await writeWhole(join(BUILT, STAMP), wanted);
}

/** Writes the page's files into `outDir`; returns the source files that went into them. */
export async function buildPage(outDir) {
  // Not there yet when the first command installs it.
  const { build } = await import('esbuild');
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['packages/page/src/main.tsx', 'packages/page/src/styles/main.css'],
    entryNames: '[name]',
    outdir: outDir,
    bundle: true,
    format: 'esm',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    minify: true,
    // The first ones that know light-dark().
    target: ['chrome123', 'firefox120', 'safari17.5'],
    legalComments: 'none',
    write: false,
    metafile: true,
    logLevel: 'warning',
  });
  await mkdir(outDir, { recursive: true });
  for (const { path, contents } of outputFiles) {
    await writeWhole(join(outDir, basename(path)), contents);
  }
  for (const name of COPIED) {
    await writeWhole(join(outDir, name), await readFile(join(SOURCE, name)));
  }
  return Object.keys(metafile.inputs);
}

async function fingerprint() {
  const folders = [SOURCE, CLIENT].map((folder) =>
    readdir(folder, { recursive: true, withFileTypes: true }),
  );
  const files = (await Promise.all(folders))
    .flat()
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const hash = createHash('sha256');
  for (const file of [...files, inRoot('pnpm-lock.yaml'), inRoot('scripts/build-page.mjs')]) {
    hash.update(file).update(await readFile(file));
  }
  return hash.digest('hex');
}

/** Two commands may build at once, and a service may read meanwhile. */
async function writeWhole(path, contents) {
  const unfinished = `${path}.${process.pid}`;
  await writeFile(unfinished, contents);
  await rename(unfinished, path);
}
