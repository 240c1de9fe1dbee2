import { fileURLToPath } from 'node:url';
import type { Setting } from './components.ts';
import type { Kube, KubeObject } from './kube.ts';
import { crds, rbac, readObjects, webhooks } from './manifests.ts';
import { nodes } from './nodes.ts';
import { until } from './until.ts';

const namespaces = ['kubeflow-system', 'jobset-system', 'trainer-system', 'trainer-jobs'];
const ours = (file: string) => fileURLToPath(new URL(`../manifests/${file}`, import.meta.url));

/** What must be there before the controllers start. */
export async function install(kube: Kube, { binaries }: Setting): Promise<void> {
  const definitions = await crds(binaries);
  await Promise.all(
    [...namespaces.map(namespace), ...definitions].map((object) => kube.apply(object)),
  );
  await Promise.all((await rbac(binaries)).map((object) => kube.apply(object)));
  await Promise.all(
    definitions.map((object) =>
      until(`${object.metadata.name} is served`, () => established(kube, object)),
    ),
  );
}

export async function installControllers(
  kube: Kube,
  { binaries, ports, certs: { caBundle } }: Setting,
): Promise<void> {
  const trainer = { port: ports.trainerWebhook, caBundle };
  const jobset = { port: ports.jobsetWebhook, caBundle };
  const objects = [
    ...(await webhooks(binaries, trainer, jobset)),
    ...(await readObjects(ours('queue.yaml'))),
    ...nodes(),
  ];
  await Promise.all(objects.map((object) => kube.apply(object)));
}

/** What passes the controllers' webhooks, or shows that they work. */
export async function installWorkload(kube: Kube): Promise<void> {
  const runtimes = await readObjects(ours('runtimes.yaml'));
  await Promise.all(
    runtimes.map((object) =>
      until(`runtime ${object.metadata.name} is accepted`, () => accepted(kube, object)),
    ),
  );
  await until('all nodes are ready', async () => {
    const { items } = await kube.call<{ items: KubeObject[] }>('GET', '/api/v1/nodes');
    return items.length >= nodes().length && items.every(isReady);
  });
  await until('the namespace has its service account', () =>
    kube
      .get({
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: 'default', namespace: 'trainer-jobs' },
      })
      .then(
        () => true,
        () => false,
      ),
  );
}

async function accepted(kube: Kube, object: KubeObject): Promise<boolean> {
  // The API server takes a moment to learn of a webhook registration that has just been made.
  return kube.apply(object).then(
    () => true,
    (error: Error) => {
      if (/failed calling webhook|no .* in /.test(error.message)) return false;
      throw error;
    },
  );
}

async function established(kube: Kube, definition: KubeObject): Promise<boolean> {
  const { status } = await kube.get(definition);
  return status?.conditions?.some(
    (condition: { type: string; status: string }) =>
      condition.type === 'Established' && condition.status === 'True',
  );
}

function isReady(node: KubeObject): boolean {
  const ready = node.status?.conditions?.some(
    (condition: { type: string; status: string }) =>
      condition.type === 'Ready' && condition.status === 'True',
  );
  const taints: { key: string }[] = node.spec.taints ?? [];
  return ready && !taints.some((taint) => taint.key.startsWith('node.kubernetes.io/'));
}

function namespace(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}
