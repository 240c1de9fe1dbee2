import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type ApiClient, createApiClient } from '@trainer/common/testing/cluster';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { Installation } from './installation.ts';
import { type Manifest, readFolder } from './manifests.ts';

let admin: ApiClient;
beforeAll(async () => {
  admin = await createApiClient({ kubeconfigPath: inject('kubeconfigPath') });
});
afterAll(() => admin.close());

/** The objects of a cluster that a page shows in YAML. */
async function readShown(page: string): Promise<Manifest[]> {
  const blocks = (await readFile(page, 'utf8')).matchAll(/^```yaml\n(.*?)^```/gms);
  return [...blocks]
    .flatMap(([, block = '']) => parseAllDocuments(block))
    .map((document) => document.toJS() as Manifest)
    .filter(({ apiVersion, kind }) => apiVersion !== undefined && kind !== undefined);
}

test('the queues of docs/DEPLOYMENT.md and of its component are open', async () => {
  const shown = await readShown('docs/DEPLOYMENT.md');
  expect(shown.map(({ kind }) => kind)).toEqual(['ResourceFlavor', 'ClusterQueue', 'LocalQueue']);
  const namespaces = (await readFolder('k8s/base')).filter(({ kind }) => kind === 'Namespace');
  const suffix = randomUUID().slice(0, 6);
  // The cluster's own is called the same.
  const objects: Manifest[] = JSON.parse(
    JSON.stringify([...namespaces, ...shown, ...(await readFolder('k8s/components/kueue'))])
      .replaceAll('"training"', `"training-${suffix}"`)
      .replaceAll('"gpu-nodes"', `"gpu-nodes-${suffix}"`),
  );
  const installation = new Installation(admin, objects, suffix);
  await installation.apply();
  for (const name of [`training-${suffix}`, 'default']) {
    const isActive = async () => {
      const { status } = await installation.read<{ status: object }>('LocalQueue', name);
      expect(status).toMatchObject({
        conditions: [expect.objectContaining({ type: 'Active', status: 'True' })],
      });
    };
    await vi.waitFor(isActive, { timeout: 60_000, interval: 200 });
  }
  await installation.askToGo();
});
