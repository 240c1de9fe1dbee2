import { fileURLToPath } from 'node:url';
import type { Setting } from './components.ts';
import type { Kube, KubeObject } from './kube.ts';
import { kueueAuthReader, kueueCrds, kueueVisibility, kueueWebhooks } from './kueue.ts';
import { crds, rbac, readObjects, webhooks } from './manifests.ts';
import { nodes } from './nodes.ts';
import { until } from './until.ts';

const namespaces = [
  'kubeflow-system',
  'jobset-system',
  'kueue-system',
  'trainer-system',
  'trainer-jobs',
];
/** A machine that does much else takes long over what is a matter of seconds. */
const patience = { timeoutMs: 120_000 };
const ours = (file: string) => fileURLToPath(new URL(`../manifests/${file}`, import.meta.url));

/** What must be there before the controllers start. */
export async function install(kube: Kube, { binaries }: Setting): Promise<void> {
  const definitions = [...(await crds(binaries)), ...(await kueueCrds(binaries))];
  await Promise.all(
    [...namespaces.map(namespace), ...definitions].map((object) => kube.apply(object)),
  );
  const rights = [...(await rbac(binaries)), ...(await kueueAuthReader(binaries))];
  await Promise.all(rights.map((object) => kube.apply(object)));
  await Promise.all(
    definitions.map((object) =>
      until(`${object.metadata.name} is served`, () => established(kube, object), patience),
    ),
  );
}

export async function installControllers(
  kube: Kube,
  { binaries, ports, certs: { caBundle } }: Setting,
): Promise<void> {
  const trainer = { port: ports.trainerWebhook, caBundle };
  const jobset = { port: ports.jobsetWebhook, caBundle };
  const kueue = { port: ports.kueueWebhook, caBundle };
  const objects = [
    ...(await webhooks(binaries, trainer, jobset)),
    ...(await kueueWebhooks(binaries, kueue)),
    ...(await kueueVisibility(binaries, ports.kueueVisibility)),
    ...nodes(),
  ];
  await Promise.all(objects.map((object) => kube.apply(object)));
}

/** What passes the controllers' webhooks, or shows that they work. */
export async function installWorkload(kube: Kube): Promise<void> {
  const objects = [
    ...(await readObjects(ours('runtimes.yaml'))),
    ...(await readObjects(ours('queue.yaml'))),
  ];
  await Promise.all(
    objects.map((object) =>
      until(
        `${object.kind} ${object.metadata.name} is accepted`,
        () => accepted(kube, object),
        patience,
      ),
    ),
  );
  await until('the queue is open', () => isOpen(kube), patience);
  // Until then, the cluster's own controllers do not know all kinds that there are.
  await until('the places in queues are served', () => tellsPlaces(kube), patience);
  await until('all nodes are ready', () => haveNodes(kube), patience);
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
  return hasCondition((await kube.get(definition)).status, 'Established');
}

function hasCondition(
  status: { conditions?: { type: string; status: string }[] } | undefined,
  type: string,
): boolean {
  return (status?.conditions ?? []).some(
    (condition) => condition.type === type && condition.status === 'True',
  );
}

function isReady(node: KubeObject): boolean {
  const taints: { key: string }[] = node.spec.taints ?? [];
  return (
    hasCondition(node.status, 'Ready') &&
    !taints.some((taint) => taint.key.startsWith('node.kubernetes.io/'))
  );
}

async function haveNodes(kube: Kube): Promise<boolean> {
  const { items } = await kube.call<{ items: KubeObject[] }>('GET', '/api/v1/nodes');
  return items.length >= nodes().length && items.every(isReady);
}

async function isOpen(kube: Kube): Promise<boolean> {
  const { status } = await kube.get({
    apiVersion: 'kueue.x-k8s.io/v1beta2',
    kind: 'LocalQueue',
    metadata: { name: 'training', namespace: 'trainer-jobs' },
  });
  return hasCondition(status, 'Active');
}

async function tellsPlaces(kube: Kube): Promise<boolean> {
  const path = '/apis/apiregistration.k8s.io/v1/apiservices/v1beta2.visibility.kueue.x-k8s.io';
  return hasCondition((await kube.call<KubeObject>('GET', path)).status, 'Available');
}

function namespace(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}
