import { join } from 'node:path';
import type { Binaries } from './build.ts';
import type { KubeObject } from './kube.ts';
import {
  crdFolder,
  pointAt,
  readFolder,
  readObjects,
  sourceOf,
  type WebhookAddress,
} from './manifests.ts';

/**
 * Upstream's kinds in the one version that is stored and that the controller uses. The other, which the next
 * release drops, would need a webhook for conversions and cost the API server as much again.
 */
export async function kueueCrds(binaries: Binaries): Promise<KubeObject[]> {
  const definitions = await readFolder(join(sourceOf(binaries, 'kueue'), crdFolder));
  for (const { spec } of definitions)
    spec.versions = spec.versions.filter(({ storage }: { storage: boolean }) => storage);
  return definitions;
}

/**
 * Upstream's registrations for its own kinds and for TrainJobs, these only when they name a queue: without
 * that, Kueue would change and check every TrainJob, pod, Job and JobSet, and let it pass.
 */
export async function kueueWebhooks(
  binaries: Binaries,
  address: WebhookAddress,
): Promise<KubeObject[]> {
  const folder = join(sourceOf(binaries, 'kueue'), 'config/components/webhook');
  const objects = await readObjects(join(folder, 'manifests.yaml'));
  for (const object of objects) {
    object.metadata.name = `kueue-${object.metadata.name}`;
    object.webhooks = object.webhooks.filter((webhook: Webhook) =>
      ['kueue.x-k8s.io', trainerGroup].includes(groupOf(webhook)),
    );
    for (const webhook of object.webhooks) {
      pointAt(webhook, address);
      if (groupOf(webhook) === trainerGroup) webhook.objectSelector = namesQueue;
    }
  }
  return objects;
}

const visibilityFolder = 'config/components/visibility';

/** With it, Kueue's own API server learns whom to believe who calls; it ends without. */
export async function kueueAuthReader(binaries: Binaries): Promise<KubeObject[]> {
  const file = join(sourceOf(binaries, 'kueue'), visibilityFolder, 'role_binding.yaml');
  const bindings = await readObjects(file);
  for (const subject of bindings.flatMap(({ subjects }) => subjects)) {
    subject.name = `kueue-${subject.name}`;
    subject.namespace = 'kueue-system';
  }
  return bindings;
}

/** Upstream's registration of that API server in the version that services read, on loopback. */
export async function kueueVisibility(binaries: Binaries, port: number): Promise<KubeObject[]> {
  const folder = join(sourceOf(binaries, 'kueue'), visibilityFolder);
  const services = await readObjects(join(folder, 'service.yaml'));
  for (const service of services)
    service.spec = { type: 'ExternalName', externalName: '127.0.0.1' };
  const registrations = await readObjects(join(folder, 'apiservice_v1beta2.yaml'));
  for (const { spec } of registrations) spec.service.port = port;
  return [...services, ...registrations];
}

interface Webhook {
  rules: { apiGroups: string[] }[];
}

const trainerGroup = 'trainer.kubeflow.org';
const namesQueue = { matchExpressions: [{ key: 'kueue.x-k8s.io/queue-name', operator: 'Exists' }] };

function groupOf(webhook: Webhook): string {
  return webhook.rules[0]?.apiGroups[0] ?? '';
}
