import { services } from '@trainer/services';
import { describe, expect, test } from 'vitest';
import { type Manifest, manifestFolderOf, readFolder } from './manifests.ts';
import { type Endpoint, NetworkPolicies } from './network-policies.ts';

// No test bed has a network plugin: what the policies say is computed here, from the manifests as
// they are.

const REPORTS = 8090;
const NAMESPACES = {
  ...{ 'trainer-system': {}, 'trainer-jobs': {}, monitoring: {} },
  'ingress-nginx': {},
  studio: { team: 'studio' },
};
const training: Endpoint = {
  namespace: 'trainer-jobs',
  labels: { 'jobset.sigs.k8s.io/jobset-name': 'hf-unsloth-x' },
};
const stranger: Endpoint = { namespace: 'trainer-jobs', labels: { app: 'a-shell' } };

describe.each(await Promise.all(services.map(readService)))('$folder', (service) => {
  const { folder, port, policies, pod } = service;
  const may = (from: Endpoint, to: Endpoint, at: number, protocol: 'TCP' | 'UDP' = 'TCP') =>
    policies.allow({ from, to, port: at, protocol });

  test('its API is open to the cluster, but not to trainings', () => {
    for (const namespace of ['studio', 'ingress-nginx', 'monitoring', 'trainer-system']) {
      expect(may({ namespace, labels: {} }, pod, port), namespace).toBe(true);
    }
    expect(may(training, pod, port)).toBe(false);
    expect(may(stranger, pod, port)).toBe(false);
    expect(may({ ip: '203.0.113.7' }, pod, port)).toBe(false);
  });

  test('reports come from trainings alone', () => {
    expect(may(training, pod, REPORTS)).toBe(true);
    expect(may(stranger, pod, REPORTS)).toBe(false);
    for (const namespace of Object.keys(NAMESPACES)) {
      expect(may({ namespace, labels: {} }, pod, REPORTS), namespace).toBe(false);
    }
    const disguised = { namespace: 'studio', labels: training.labels };
    expect(may(disguised, pod, REPORTS)).toBe(false);
  });

  test('nobody reaches another port', () => {
    for (const from of [training, { namespace: 'studio', labels: {} }]) {
      for (const other of [22, port - 1, REPORTS + 1]) expect(may(from, pod, other)).toBe(false);
    }
    expect(may(training, pod, REPORTS, 'UDP')).toBe(false);
  });

  test('it reaches names, the API server and webhooks, but no link-local address', () => {
    const dns = { namespace: 'trainer-system', labels: { 'k8s-app': 'kube-dns' } };
    expect(may(pod, dns, 53, 'UDP')).toBe(true);
    for (const ip of ['10.96.0.1', '203.0.113.7', '2001:db8::1']) {
      expect(may(pod, { ip }, 443), ip).toBe(true);
      expect(may(pod, { ip }, 443, 'UDP'), ip).toBe(false);
    }
    for (const ip of ['169.254.169.254', '169.254.170.2', 'fe80::1', 'fd00:ec2::254']) {
      expect(may(pod, { ip }, 80), ip).toBe(false);
    }
  });

  test('the address that trainings are told is that of its reports', () => {
    const config = service.find('ConfigMap', folder).data;
    const told = new URL(config.TRAINER_REPORTS_URL);
    const { metadata, spec } = service.find('Service', `${folder}-reports`);
    expect(told.hostname).toBe(`${metadata.name}.${metadata.namespace}.svc`);
    expect(spec.selector).toEqual({ 'app.kubernetes.io/name': folder });
    expect(spec.ports).toMatchObject([{ port: Number(told.port), targetPort: 'reports' }]);
    expect(pod.ports).toEqual({ http: port, reports: Number(config.TRAINER_REPORTS_PORT) });
    expect(Number(config.TRAINER_REPORTS_PORT)).toBe(REPORTS);
  });
});

async function readService({ folder, port }: (typeof services)[number]) {
  const objects = await readFolder(manifestFolderOf(folder));
  const find = (kind: string, name: string): Manifest => {
    const found = objects.find((one) => one.kind === kind && one.metadata.name === name);
    if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
    return found;
  };
  const { metadata, spec } = find('Deployment', folder).spec.template;
  const named = spec.containers[0].ports.map(
    (each: { name: string; containerPort: number }) => [each.name, each.containerPort] as const,
  );
  const pod = {
    namespace: 'trainer-system',
    labels: metadata.labels as Record<string, string>,
    ports: Object.fromEntries(named) as Record<string, number>,
  };
  return { folder, port, find, pod, policies: new NetworkPolicies(objects, NAMESPACES) };
}
