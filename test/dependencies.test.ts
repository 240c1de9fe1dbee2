import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const files = execFileSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' })
  .split('\n')
  .filter(Boolean);
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const packages = files
  .filter((file) => /^(packages|services|bench|chaos|testbed)\b.*\/package\.json$/.test(file))
  .map((file) => ({ folder: dirname(file), manifest: JSON.parse(read(file)) }));

test.each(packages)(
  '$folder imports all that it depends on in production',
  ({ folder, manifest }) => {
    const isShipped = (file: string) =>
      file.startsWith(`${folder}/`) && /\.m?tsx?$/.test(file) && !/\.test\.ts$|\/test\//.test(file);
    const source = files.filter(isShipped).map(read).join('\n');
    const unused = Object.keys(manifest.dependencies ?? {}).filter(
      (name) => !new RegExp(`(?:from|import\\(?)\\s*'${name}(?:/[^']*)?'`).test(source),
    );
    expect(unused).toEqual([]);
  },
);

describe('engines', () => {
  test('let any Node that can bootstrap install, which is what the README says', () => {
    expect(JSON.parse(read('package.json')).engines).toEqual({ node: '>=20' });
    expect(read('README.md')).toContain('Node 20 or newer');
    expect(read('scripts/run.mjs')).toContain('major < 20');
  });

  test('name the oldest Node that runs the sources, which is what find-node.mjs accepts', () => {
    for (const { folder, manifest } of packages) {
      const isShipped = /^(packages|services)\b/.test(folder);
      // The others are run by the Node that is installed with them, and use its syntax.
      expect(manifest.engines, folder).toEqual({ node: isShipped ? '>=22.19' : '>=24' });
    }
    expect(read('scripts/find-node.mjs')).toContain('major > 22 || (major === 22 && minor >= 19)');
    expect(read('docs/CLIENT.md')).toContain('Node 22.19 or newer');
  });
});
