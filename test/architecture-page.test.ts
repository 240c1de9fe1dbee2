import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const SOURCE = fileURLToPath(new URL('../packages/common/src', import.meta.url));
const page = readFileSync(new URL('../docs/ARCHITECTURE.md', import.meta.url), 'utf8');

test('every file that the page names is there', () => {
  const names = [...page.matchAll(/`((?:[a-z-]+\/)+[a-z-]+\.ts)`/g)].map(([, name = '']) => name);
  expect(names.length).toBeGreaterThan(20);
  const isThere = (name: string) =>
    existsSync(`${SOURCE}/${name}`) ||
    existsSync(fileURLToPath(new URL(`../${name}`, import.meta.url)));
  expect(names.filter((name) => !isThere(name))).toEqual([]);
});

test('every folder of the source is in its table', () => {
  const folders = readdirSync(SOURCE, { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  const missing = folders.filter(({ name }) => !page.includes(`| \`${name}/`));
  expect(missing.map(({ name }) => name)).toEqual([]);
});
