import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import type { Binaries } from './build.ts';
import type { KubeObject } from './kube.ts';

export async function readObjects(file: string): Promise<KubeObject[]> {
  const documents = parseAllDocuments(await readFile(file, 'utf8'));
  return documents
    .map((document) => document.toJS() as KubeObject)
    .filter((object) => object?.kind);
}

export async function readFolder(folder: string): Promise<KubeObject[]> {
  const files = (await readdir(folder)).filter(
    (file) => file.endsWith('.yaml') && file !== 'kustomization.yaml',
  );
  return (await Promise.all(files.sort().map((file) => readObjects(join(folder, file))))).flat();
}

export const crdFolder = 'config/components/crd/bases';

export const sourceOf = (binaries: Binaries, name: string) => binaries[name]?.source ?? '';

export async function crds(binaries: Binaries): Promise<KubeObject[]> {
  const folders = [
    join(sourceOf(binaries, 'trainer'), 'manifests/base/crds'),
    join(sourceOf(binaries, 'jobset'), crdFolder),
  ];
  return (await Promise.all(folders.map(readFolder))).flat();
}

/** Each controller's own roles, named and placed as its kustomization would. */
export async function rbac(binaries: Binaries): Promise<KubeObject[]> {
  const own = ['service_account.yaml', 'role.yaml', 'role_binding.yaml'];
  const trainer = await pick(
    join(sourceOf(binaries, 'trainer'), 'manifests/base/rbac'),
    own,
    'kubeflow-system',
    '',
  );
  const jobset = await pick(
    join(sourceOf(binaries, 'jobset'), 'config/components/rbac'),
    own,
    'jobset-system',
    'jobset-',
  );
  const kwok = await readFolder(join(sourceOf(binaries, 'kwok'), 'kustomize/rbac'));
  const kueue = await pick(
    join(sourceOf(binaries, 'kueue'), 'config/components/rbac'),
    [
      ...own,
      ...['manager_secrets_role.yaml', 'manager_secrets_role_binding.yaml'],
      ...['metrics_auth_role.yaml', 'metrics_auth_role_binding.yaml'],
    ],
    'kueue-system',
    'kueue-',
  );
  return [...trainer, ...jobset, ...kwok, ...kueue];
}

async function pick(
  folder: string,
  files: string[],
  namespace: string,
  prefix: string,
): Promise<KubeObject[]> {
  const objects = (await Promise.all(files.map((file) => readObjects(join(folder, file))))).flat();
  for (const object of objects) {
    object.metadata.name = prefix + object.metadata.name;
    if (object.kind === 'ServiceAccount' || object.metadata.namespace)
      object.metadata.namespace = namespace;
    if (object.roleRef) object.roleRef.name = prefix + object.roleRef.name;
    for (const subject of object.subjects ?? []) {
      subject.name = prefix + subject.name;
      subject.namespace = namespace;
    }
  }
  return objects;
}

export interface WebhookAddress {
  port: number;
  caBundle: string;
}

/** Upstream's webhook registrations, pointed at a process on loopback in place of a Service. */
export async function webhooks(
  binaries: Binaries,
  trainer: WebhookAddress,
  jobset: WebhookAddress,
): Promise<KubeObject[]> {
  const ofTrainer = join(sourceOf(binaries, 'trainer'), 'manifests/base/webhook');
  const ofJobset = join(sourceOf(binaries, 'jobset'), 'config/components/webhook');
  const [trainerObjects, jobsetObjects] = await Promise.all([
    patched(ofTrainer, 'patch_mutating.yaml', 'patch_validating.yaml'),
    patched(ofJobset, 'patches/mutating-patch.yaml', 'patches/validating-patch.yaml'),
  ]);
  for (const object of jobsetObjects) object.metadata.name = `jobset-${object.metadata.name}`;
  for (const object of trainerObjects)
    for (const webhook of object.webhooks) pointAt(webhook, trainer);
  for (const object of jobsetObjects)
    for (const webhook of object.webhooks) pointAt(webhook, jobset);
  return [...trainerObjects, ...jobsetObjects];
}

async function patched(
  folder: string,
  mutating: string,
  validating: string,
): Promise<KubeObject[]> {
  const objects = await readObjects(join(folder, 'manifests.yaml'));
  for (const object of objects) {
    const file = object.kind.startsWith('Mutating') ? mutating : validating;
    for (const { path, value } of parse(await readFile(join(folder, file), 'utf8')))
      set(object, path, value);
  }
  return objects;
}

function set(target: object, pointer: string, value: unknown): void {
  const keys = pointer.split('/').slice(1);
  const last = keys.pop() ?? '';
  const parent = keys.reduce(
    (at, key) => at[key] as Record<string, unknown>,
    target as Record<string, unknown>,
  );
  parent[last] = value;
}

export function pointAt(
  // biome-ignore lint/suspicious/noExplicitAny: a part of an object of any kind
  webhook: { clientConfig: any },
  { port, caBundle }: WebhookAddress,
): void {
  const { path } = webhook.clientConfig.service;
  webhook.clientConfig = { url: `https://127.0.0.1:${port}${path}`, caBundle };
}
