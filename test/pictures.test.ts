import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../', import.meta.url);
const listOf = (folder: string, ending: string) =>
  readdirSync(new URL(folder, root))
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}${name}`);

test('every picture stands on a page, and every page has its pictures', () => {
  const pages = ['README.md', ...listOf('docs/', '.md')];
  const shown = pages.flatMap((page) => {
    const text = readFileSync(new URL(page, root), 'utf8');
    const paths = [...text.matchAll(/(?:src|srcset)="([^"]+\.png)"|!\[[^\]]*\]\(([^)]+\.png)\)/g)];
    return paths.map(
      ([, inTag, inLink]) => new URL(inTag ?? inLink ?? '', new URL(page, root)).href,
    );
  });
  const there = listOf('docs/images/', '.png').map((path) => new URL(path, root).href);
  expect(there.length).toBeGreaterThan(4);
  expect([...new Set(shown)].sort()).toEqual(there.sort());
});
