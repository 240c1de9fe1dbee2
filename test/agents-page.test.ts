import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(join(ROOT, 'AGENTS.md'), 'utf8');
const MOST_FILES = 12;

it('names commands that exist', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const commands = [...page.matchAll(/`npm (?:run )?([\w:-]+)[^`]*`/g)].map(([, name]) => name);
  expect(commands.length).toBeGreaterThan(6);
  for (const command of commands) expect(scripts).toHaveProperty([String(command)]);
});

it('names files and folders that exist', () => {
  const paths = [...page.matchAll(/`([\w.-]+(?:\/[\w.-]+)+)`/g)].map(([, path = '']) => path);
  expect(paths.length).toBeGreaterThan(10);
  const places = ['', 'packages/common/src', 'docs'];
  for (const path of paths) {
    const found = places.some((place) => existsSync(join(ROOT, place, path)));
    expect(found || path.startsWith('@trainer/'), path).toBe(true);
  }
});

it('finds a page about every large folder of code', () => {
  const files = execFileSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' }).split('\n');
  const code = files.filter((file) => /(?<!\.test)\.(ts|mjs|py)$/.test(file));
  const folders = Map.groupBy(code, dirname);
  for (const [folder, { length }] of folders) {
    if (length <= MOST_FILES || folder === 'packages/common/src') continue;
    const found = [folder, dirname(folder)].some((place) =>
      existsSync(join(ROOT, place, 'README.md')),
    );
    expect(found, `${folder} has ${length} files and no README.md`).toBe(true);
  }
});
