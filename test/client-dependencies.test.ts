import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

const lockfile = parse(await readFile(new URL('../pnpm-lock.yaml', import.meta.url), 'utf8'));

/** The names of all that is installed with a workspace package's production dependencies. */
function productionTree(importer: string): Set<string> {
  const names = new Set<string>();
  const visit = (dependencies: Record<string, { version: string } | string> = {}, from: string) => {
    for (const [name, target] of Object.entries(dependencies)) {
      const version = typeof target === 'string' ? target : target.version;
      if (version.startsWith('link:')) {
        const folder = new URL(version.slice(5), `file:///${from}/`).pathname.slice(1);
        names.add(name);
        visit(lockfile.importers[folder].dependencies, folder);
      } else if (!names.has(`${name}@${version}`)) {
        names.add(`${name}@${version}`);
        const { dependencies, optionalDependencies } = lockfile.snapshots[`${name}@${version}`];
        visit({ ...dependencies, ...optionalDependencies }, from);
      }
    }
  };
  visit(lockfile.importers[importer].dependencies, importer);
  return names;
}

it('has no Fastify and no Kubernetes under it, nor anything else', () => {
  expect([...productionTree('packages/client')]).toEqual([]);
});

it('would be told of them', () => {
  const names = [...productionTree('packages/cli')].map((name) => name.replace(/(.)@.*/, '$1'));
  expect(names).toEqual(expect.arrayContaining(['fastify', '@kubernetes/client-node', 'zod']));
});
