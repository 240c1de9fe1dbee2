import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Whom other API servers believe who calls: the API server, on behalf of its clients. */
export const FRONT_PROXY = 'front-proxy-client';

/**
 * The controllers come in as the service accounts that their own manifests bind to roles,
 * so that RBAC holds for them as it does in a cluster.
 */
const identities: Record<string, string> = {
  admin: 'admin/system:masters',
  'etcd-client': 'etcd-client',
  'kube-controller-manager': 'system:kube-controller-manager',
  'kube-scheduler': 'system:kube-scheduler',
  trainer:
    'system:serviceaccount:kubeflow-system:kubeflow-trainer-controller-manager/system:serviceaccounts',
  jobset: 'system:serviceaccount:jobset-system:jobset-controller-manager/system:serviceaccounts',
  'apiserver-kubelet': 'kube-apiserver-kubelet-client',
  'front-proxy': FRONT_PROXY,
  'process-0': 'system:node:process-0/system:nodes',
  'process-1': 'system:node:process-1/system:nodes',
  kwok: 'system:serviceaccount:kube-system:kwok-controller/system:serviceaccounts',
  kueue: 'system:serviceaccount:kueue-system:kueue-controller-manager/system:serviceaccounts',
};

/** Clients of others than the API server. */
const certificateOnly = new Set(['etcd-client', 'apiserver-kubelet', 'front-proxy']);

export interface Certs {
  file(name: string): string;
  caBundle: string;
}

export async function makeCerts(helper: string, dir: string): Promise<Certs> {
  // Kept over a restart on the same folder: service account tokens in etcd stay valid.
  if (!existsSync(join(dir, 'front-proxy.crt'))) {
    const clients = Object.entries(identities).map(([name, user]) => `${name}=${user}`);
    await run(helper, ['certs', dir, ...clients]);
  }
  const ca = await readFile(join(dir, 'ca.crt'));
  return { file: (name) => join(dir, name), caBundle: ca.toString('base64') };
}

/** controller-runtime looks for its serving certificate as tls.crt and tls.key. */
export async function webhookCerts(certs: Certs, dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'tls.crt'), await readFile(certs.file('serving.crt')));
  await writeFile(join(dir, 'tls.key'), await readFile(certs.file('serving.key')), { mode: 0o600 });
}

export async function writeKubeconfigs(certs: Certs, dir: string, server: string): Promise<void> {
  for (const name of Object.keys(identities).filter((identity) => !certificateOnly.has(identity))) {
    const file = name === 'admin' ? join(dir, 'kubeconfig') : kubeconfigOf(dir, name);
    await writeFile(file, await kubeconfig(certs, name, server), { mode: 0o600 });
  }
}

export function kubeconfigOf(dir: string, name: string): string {
  return join(dir, `${name}.kubeconfig`);
}

async function kubeconfig(certs: Certs, name: string, server: string): Promise<string> {
  const base64 = async (file: string) => (await readFile(certs.file(file))).toString('base64');
  const user = {
    'client-certificate-data': await base64(`${name}.crt`),
    'client-key-data': await base64(`${name}.key`),
  };
  // JSON is YAML too, and needs no library to write.
  return JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        { name: 'testbed', cluster: { server, 'certificate-authority-data': certs.caBundle } },
      ],
      users: [{ name, user }],
      contexts: [
        { name: 'testbed', context: { cluster: 'testbed', user: name, namespace: 'trainer-jobs' } },
      ],
      'current-context': 'testbed',
    },
    null,
    2,
  );
}
