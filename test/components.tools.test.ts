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

describe('settings of an overlay', () => {
  const find = (built: readonly Manifest[], kind: string, name: string) =>
    built.find(({ kind: its, metadata }) => its === kind && metadata.name.startsWith(name));
  /** Production with another log level of one service. */
  const build = async (level: string) => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'overlay-')));
    folders.push(folder);
    const overlay = {
      ...{ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' },
      resources: [relative(folder, resolve('k8s/overlays/production'))],
      configMapGenerator: [
        {
          ...{ name: 'nemo-api-settings', namespace: 'trainer-system', behavior: 'merge' },
          literals: [`LOG_LEVEL=${level}`],
        },
      ],
    };
    await writeFile(join(folder, 'Kustomization'), stringify(overlay));
    return kustomize(folder);
  };
  const templateOf = (built: readonly Manifest[], service: string) =>
    find(built, 'Deployment', service)?.spec.template;

  test('replace the pods of their service when they change, and no others', async () => {
    const [info, debug] = await Promise.all([build('info'), build('debug')]);
    for (const service of SERVICES) {
      const settings = find(debug, 'ConfigMap', `${service}-settings-`);
      const { envFrom } = templateOf(debug, service).spec.containers[0];
      expect(envFrom).toEqual([
        { configMapRef: { name: service } },
        { configMapRef: { name: settings?.metadata.name, optional: true } },
      ]);
      const isSame = service !== 'nemo-api';
      expect(settings?.data).toEqual({ LOG_LEVEL: isSame ? 'info' : 'debug' });
      const before = JSON.stringify(templateOf(info, service));
      expect(JSON.stringify(templateOf(debug, service)) === before).toBe(isSame);
    }
  });
});

describe('kueue', () => {
  test('adds a default queue and the right to read who waits for what, and changes nothing', async () => {
    const built = await buildWith('kueue');
    const added = built.filter((object) => !base.some((other) => idOf(other) === idOf(object)));
    expect(built.filter((object) => !added.includes(object))).toEqual(base);
    const find = (kind: string) => added.find((object) => object.kind === kind);
    expect(added.map(idOf).sort()).toEqual([
      'LocalQueue trainer-jobs default',
      'Role trainer-jobs trainer-queues',
      'RoleBinding trainer-jobs trainer-queues',
    ]);
    expect(find('LocalQueue')?.spec).toEqual({ clusterQueue: 'training' });
    expect(find('Role')?.rules).toEqual([
      {
        apiGroups: ['visibility.kueue.x-k8s.io'],
        resources: ['localqueues/pendingworkloads'],
        verbs: ['get'],
      },
      { apiGroups: ['kueue.x-k8s.io'], resources: ['workloads'], verbs: ['list', 'watch'] },
    ]);
    const subjectOf = (name: string) => ({
      ...{ kind: 'ServiceAccount', name, namespace: 'trainer-system' },
    });
    expect(find('RoleBinding')?.subjects).toHaveLength(SERVICES.length);
    expect(find('RoleBinding')?.subjects).toEqual(expect.arrayContaining(SERVICES.map(subjectOf)));
  });
});

describe('proxy-ca', () => {
  const CA_FILE = '/etc/trainer/ca/ca.crt';
  const volume = { name: 'ca', configMap: { name: 'trainer-ca' } };
  const mount = { name: 'ca', mountPath: '/etc/trainer/ca', readOnly: true };
  const pullSecrets = [{ name: 'trainer-registry' }];
  const fromNetwork = (name: string) => ({
    name,
    valueFrom: { configMapKeyRef: { name: 'trainer-network', key: name, optional: true } },
  });
  const fromCa = (name: string) => ({ name, value: CA_FILE });
  let built: Manifest[];

  beforeAll(async () => {
    built = await buildWith('proxy-ca');
  }, 60_000);

  /** The pods of a kind of object, without the component and with it. */
  function podsOf(kind: string, toPod: (object: Manifest) => Manifest['spec']) {
    const find = (objects: readonly Manifest[]) =>
      objects.filter((object) => object.kind === kind).map(toPod);
    return { before: find(base), after: find(built) };
  }

  /** The pod with what the component adds at the end of each list. */
  function withAdded(pod: Manifest['spec'], env: readonly object[]): object {
    const [container, ...others] = pod.containers;
    expect(others).toEqual([]);
    const changed = {
      ...container,
      env: [...container.env, ...env],
      volumeMounts: [...container.volumeMounts, mount],
    };
    return {
      ...pod,
      imagePullSecrets: pullSecrets,
      volumes: [...pod.volumes, volume],
      containers: [changed],
    };
  }

  test('has every service trust the CA, and changes nothing else of it', () => {
    const { before, after } = podsOf('Deployment', ({ spec }) => spec.template.spec);
    expect(after).toHaveLength(SERVICES.length);
    expect(after).toEqual(before.map((pod) => withAdded(pod, [fromCa('NODE_EXTRA_CA_CERTS')])));
  });

  test('has every runtime trust it, and use the proxy and the hub that are named', () => {
    const { before, after } = podsOf(
      'ClusterTrainingRuntime',
      ({ spec }) => spec.template.spec.replicatedJobs[0].template.spec.template.spec,
    );
    const env = [
      ...['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'AWS_CA_BUNDLE'].map(fromCa),
      ...['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'HF_ENDPOINT'].map(fromNetwork),
    ];
    expect(after).toHaveLength(SERVICES.length);
    expect(after).toEqual(before.map((pod) => withAdded(pod, env)));
  });

  test('adds no object but the settings, with the names of the cluster', () => {
    const added = built.filter((object) => !base.some((other) => idOf(other) === idOf(object)));
    expect(added.map(idOf)).toEqual(['ConfigMap trainer-jobs trainer-network']);
    expect(built).toHaveLength(base.length + 1);
    const [settings] = added;
    expect(Object.keys(settings?.data)).toEqual(['NO_PROXY']);
    const names = settings?.data.NO_PROXY.split(',');
    expect(names).toEqual(
      expect.arrayContaining(['localhost', '127.0.0.1', '.svc', '.cluster.local']),
    );
  });
});
