import { readdir, readFile } from 'node:fs/promises';
import { inRoot } from './project-paths.mjs';

const PACKAGE = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;
const LICENCE_FILE = /^(licen[cs]e|notice|copying)/i;

/**
 * The licences and notices of all packages that the given files come from, as one text.
 * @throws Error for a package that carries neither a licence nor the name of one.
 */
export async function collectLicences(files) {
  const folders = files.map((file) => PACKAGE.exec(file)?.[1]).filter((path) => path !== undefined);
  const sections = await Promise.all([...new Set(folders)].map(describe));
  return [...new Set(sections)].sort().join(`\n${'-'.repeat(80)}\n\n`);
}

async function describe(folder) {
  const { name, version, license } = JSON.parse(
    await readFile(inRoot(`${folder}/package.json`), 'utf8'),
  );
  const names = (await readdir(inRoot(folder))).filter((file) => LICENCE_FILE.test(file)).sort();
  const texts = await Promise.all(
    names.map((file) => readFile(inRoot(`${folder}/${file}`), 'utf8')),
  );
  if (texts.length === 0 && typeof license !== 'string') {
    throw new Error(`${name} ${version} names no licence`);
  }
  return [`${name} ${version} (${license})\n`, ...texts].join('\n');
}
