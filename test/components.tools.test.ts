import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { kustomize } from './installation.ts';
import { type Manifest, SERVICES } from './manifests.ts';

// Built by kustomize itself, which is a Go program: `go` has to run here.

const idOf = ({ kind, metadata }: Manifest) => `${kind} ${metadata.namespace} ${metadata.name}`;
const folders: string[] = [];
let base: Manifest[];

/** What an overlay on k8s/ with this component comes to. */
async function buildWith(component: string): Promise<Manifest[]> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'overlay-')));
  folders.push(folder);
  // Kustomize takes no absolute paths.
  const pathTo = (target: string) => relative(folder, resolve('k8s', target));
  const overlay = {
    ...{ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' },
    resources: [pathTo('base')],
    components: [pathTo(`components/${component}`)],
  };
  await writeFile(join(folder, 'Kustomization'), stringify(overlay));
  return kustomize(folder);
}

// Compiles kustomize where that was never done.
beforeAll(async () => {
  base = await kustomize('k8s');
}, 900_000);
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

describe('kueue', () => {
  test('adds a default queue and the right to read positions, and changes nothing', async () => {
    const built = await buildWith('kueue');
    const added = built.filter((object) => !base.some((other) => idOf(other) === idOf(object)));
    expect(built.filter((object) => !added.includes(object))).toEqual(base);
    const find = (kind: string) => added.find((object) => object.kind === kind);
    expect(added.map(idOf).sort()).toEqual([
      'LocalQueue trainer-jobs default',
      'Role trainer-jobs trainer-queue-positions',
      'RoleBinding trainer-jobs trainer-queue-positions',
    ]);
    expect(find('LocalQueue')?.spec).toEqual({ clusterQueue: 'training' });
    expect(find('Role')?.rules).toEqual([
      {
        apiGroups: ['visibility.kueue.x-k8s.io'],
        resources: ['localqueues/pendingworkloads'],
        verbs: ['get'],
      },
    ]);
    const subjectOf = (name: string) => ({
      ...{ kind: 'ServiceAccount', name, namespace: 'trainer-system' },
    });
    expect(find('RoleBinding')?.subjects).toHaveLength(SERVICES.length);
    expect(find('RoleBinding')?.subjects).toEqual(expect.arrayContaining(SERVICES.map(subjectOf)));
  });
});
