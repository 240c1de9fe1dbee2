import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseConfig } from '@trainer/common';
import { CLOSE_TIMEOUT_MS } from '@trainer/common/testing/internals';
import { services as registered } from '@trainer/services';
import { describe, expect, test } from 'vitest';
import { describeManifests } from '../scripts/describe-manifests.ts';
import {
  listApplied,
  type Manifest,
  manifestFolderOf,
  readDocuments,
  readFolder,
  SERVICES,
} from './manifests.ts';

// What only a cluster can tell is told by manifests.cluster.test.ts. It also builds every
// kustomization with kustomize itself, which is a Go program: those tests need Go, these do not.

interface Kustomization {
  readonly resources?: readonly string[];
  readonly patches?: readonly { readonly path: string }[];
}

const KUSTOMIZATIONS = [
  ...['k8s', 'k8s/base', 'k8s/runtimes', 'k8s/overlays/kind', 'k8s/overlays/production'],
  'k8s/components/kueue',
  'k8s/components/monitoring',
  'k8s/components/output-volume',
  'k8s/components/proxy-ca',
  ...SERVICES.map(manifestFolderOf),
];

const namespaces = await readDocuments('k8s/base/namespaces.yaml');
const runtimes = await readFolder('k8s/runtimes');
const services = await Promise.all(
  registered.map(async ({ backend, folder: name }) => {
    const objects = await readFolder(manifestFolderOf(name));
    return { name, backend, objects, find: (kind: string) => findOne(objects, kind) };
  }),
);
const everything = [...namespaces, ...runtimes, ...services.flatMap(({ objects }) => objects)];

function findOne(objects: readonly Manifest[], kind: string): Manifest {
  const found = objects.filter((object) => object.kind === kind);
  if (found[0] === undefined || found.length > 1) throw new Error(`${found.length} of ${kind}`);
  return found[0];
}

const titleOf = ({ kind, metadata }: Manifest) => `${kind} ${metadata.name}`;

test.each(KUSTOMIZATIONS)('%s lists all that lies beside it, and nothing else', async (folder) => {
  // Without an ending, so that `kubectl apply -f` does not send it to the cluster.
  const [{ resources = [], patches = [] } = {}, ...more] = await readDocuments<Kustomization>(
    join(folder, 'Kustomization'),
  );
  expect(more).toEqual([]);
  const files = [...resources, ...patches.map(({ path }) => path)];
  expect(files.filter((path) => path.endsWith('.yaml')).sort()).toEqual(await listApplied(folder));
  for (const base of resources.filter((path) => !path.endsWith('.yaml'))) {
    expect(existsSync(join(folder, base, 'Kustomization')), base).toBe(true);
  }
});

test('are committed as they are described', async () => {
  for (const [path, text] of await describeManifests('.')) {
    expect(await readFile(path, 'utf8'), `${path} is stale: npm run manifests`).toBe(text);
  }
});

test('no two objects are the same one, and all carry the label to find them by', () => {
  const ids = everything.map((object) => `${titleOf(object)} ${object.metadata.namespace}`);
  expect(new Set(ids).size).toBe(ids.length);
  for (const object of everything) {
    expect(object.metadata.labels, titleOf(object)).toMatchObject({
      'app.kubernetes.io/part-of': 'trainer-apis',
    });
  }
});

test('docs/DEPLOYMENT.md tells of every right', async () => {
  const text = await readFile('docs/DEPLOYMENT.md', 'utf8');
  const rows = services.flatMap(({ find }) => [
    ...find('Role').rules,
    ...find('ClusterRole').rules,
  ]);
  for (const { resources, resourceNames, verbs } of rows) {
    if (resourceNames !== undefined) continue;
    expect(text).toMatch(new RegExp(`\\| ${resources.join(', ')} \\| ${verbs.join(', ')}`));
  }
});

test('the namespaces enforce pod security', () => {
  const levels = namespaces.map(({ metadata }) => [
    metadata.name,
    metadata.labels?.['pod-security.kubernetes.io/enforce'],
  ]);
  expect(levels).toEqual([
    ['trainer-system', 'restricted'],
    ['trainer-jobs', 'baseline'],
  ]);
});

test('there is no secret in a manifest', () => {
  expect(everything.filter(({ kind }) => kind === 'Secret')).toEqual([]);
  for (const { find } of services) {
    const names = Object.keys(find('ConfigMap').data);
    expect(names.filter((name) => /TOKEN|SECRET|KEY|PASSWORD/.test(name))).toEqual([]);
  }
});

test('the three services differ in their names and ports only', () => {
  const [first, ...others] = services.map(({ name, backend, objects }) =>
    JSON.stringify(objects)
      .replaceAll(name, 'SERVICE')
      .replaceAll(backend.defaults.runtimeName, 'RUNTIME')
      .replaceAll(`"trainer-${backend.name}"`, '"LEASE"')
      .replaceAll(`'${backend.name}'`, 'BACKEND')
      .replaceAll(`backend=${backend.name} `, 'BACKEND')
      .replaceAll(String(backend.defaults.port), 'PORT'),
  );
  for (const other of others) expect(other).toBe(first);
});

describe.each(services)('$name', ({ name, backend, objects, find }) => {
  const { spec: deployment } = find('Deployment');
  const pod = deployment.template.spec;
  const [container] = pod.containers;

  test('lies where it belongs', () => {
    for (const object of objects) {
      const isCluster = /^(ClusterRole|ValidatingAdmission)/.test(object.kind);
      const isJobs = ['Role', 'RoleBinding'].includes(object.kind);
      const home = isJobs ? 'trainer-jobs' : 'trainer-system';
      expect(object.metadata.namespace, titleOf(object)).toBe(isCluster ? undefined : home);
    }
  });

  test('its settings start a service on Kubernetes with the defaults of its code', () => {
    expect(container.envFrom).toEqual([
      { configMapRef: { name } },
      { configMapRef: { name: `${name}-settings`, optional: true } },
    ]);
    const given = container.env.filter(({ value }: { value?: string }) => value !== undefined);
    const env = {
      ...find('ConfigMap').data,
      ...Object.fromEntries(
        given.map((entry: { name: string; value: string }) => [entry.name, entry.value]),
      ),
    };
    const elsewhere = { port: 1, runtimeName: 'none' };
    expect(parseConfig(elsewhere, env)).toMatchObject({
      host: '0.0.0.0',
      port: backend.defaults.port,
      runner: 'kubernetes',
      jobsNamespace: 'trainer-jobs',
      runtime: { name: backend.defaults.runtimeName, kind: 'ClusterTrainingRuntime' },
      allowAnonymous: false,
    });
  });

  test('reads its token from a mounted folder, which follows a new token', () => {
    const [mount] = container.volumeMounts;
    const [volume] = pod.volumes;
    expect(mount).toEqual({ name: volume.name, mountPath: expect.any(String), readOnly: true });
    expect(volume.secret.secretName).toBe('trainer-api-token');
    const [item] = volume.secret.items;
    const file = container.env.find(
      (entry: { name: string }) => entry.name === 'TRAINER_API_TOKEN_FILE',
    );
    expect(file.value).toBe(`${mount.mountPath}/${item.path}`);
  });

  test('reads tokens that only read from another one, where there is one', () => {
    const mount = container.volumeMounts.find(
      ({ name }: { name: string }) => name === 'read-tokens',
    );
    const { secret } = pod.volumes.find(({ name }: { name: string }) => name === mount.name);
    expect(secret).toMatchObject({ secretName: 'trainer-read-tokens', optional: true });
    const file = container.env.find(
      (entry: { name: string }) => entry.name === 'TRAINER_READ_TOKENS_FILE',
    );
    expect(mount.readOnly).toBe(true);
    expect(file.value).toBe(`${mount.mountPath}/${secret.items[0].path}`);
  });

  test('is as restricted as pod security can ask, and writes nothing', () => {
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 65532,
      runAsGroup: 65532,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(pod.hostNetwork ?? pod.hostPID ?? pod.hostIPC).toBeUndefined();
    expect(pod.volumes.filter((volume: object) => 'hostPath' in volume)).toEqual([]);
  });

  test('runs as the user of its image', async () => {
    const { runAsUser, runAsGroup } = pod.securityContext;
    const dockerfile = await readFile('Dockerfile', 'utf8');
    expect(dockerfile).toContain(`USER ${runAsUser}:${runAsGroup}\n`);
  });

  test('is probed, sized, spread, and given time to end', async () => {
    expect(deployment.replicas).toBe(2);
    expect(deployment.strategy.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 });
    const probe = (path: string) => ({ httpGet: { path, port: 'http' } });
    expect(container.startupProbe).toMatchObject(probe('/healthz'));
    expect(container.livenessProbe).toMatchObject(probe('/healthz'));
    expect(container.readinessProbe).toMatchObject(probe('/readyz'));
    expect(container.resources).toMatchObject({
      requests: { cpu: expect.any(String), memory: expect.any(String) },
      limits: { memory: expect.any(String) },
    });
    // One for a label that a cluster's nodes lack would switch off the spreading altogether.
    const keys = pod.topologySpreadConstraints.map(
      (one: { topologyKey: string }) => one.topologyKey,
    );
    expect(keys).toEqual(['kubernetes.io/hostname']);

    const sleepSeconds = container.lifecycle.preStop.sleep.seconds;
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(
      sleepSeconds + CLOSE_TIMEOUT_MS / 1000,
    );
  });

  test('every selector and reference finds what it means', () => {
    const { labels } = deployment.template.metadata;
    const selector = { 'app.kubernetes.io/name': name };
    expect(labels).toMatchObject(selector);
    expect(deployment.selector.matchLabels).toEqual(selector);
    for (const service of objects.filter(({ kind }) => kind === 'Service')) {
      expect(service.spec.selector).toEqual(selector);
    }
    expect(find('PodDisruptionBudget').spec.selector.matchLabels).toEqual(selector);
    expect(find('NetworkPolicy').spec.podSelector.matchLabels).toEqual(selector);
    for (const spread of pod.topologySpreadConstraints) {
      expect(spread.labelSelector.matchLabels).toEqual(selector);
    }
    expect(container.ports).toMatchObject([
      { name: 'http', containerPort: backend.defaults.port },
      { name: 'reports' },
    ]);
    const byName = (wanted: string) =>
      objects.find(({ kind, metadata }) => kind === 'Service' && metadata.name === wanted);
    expect(byName(name)?.spec.ports).toMatchObject([
      { port: backend.defaults.port, targetPort: 'http' },
    ]);
    expect(byName(`${name}-reports`)?.spec.ports).toMatchObject([{ targetPort: 'reports' }]);

    expect(pod.serviceAccountName).toBe(find('ServiceAccount').metadata.name);
    const subjects = [{ kind: 'ServiceAccount', name, namespace: 'trainer-system' }];
    for (const kind of ['Role', 'ClusterRole']) {
      const binding = find(`${kind}Binding`);
      expect(binding.roleRef).toMatchObject({ kind, name: find(kind).metadata.name });
      expect(binding.subjects).toEqual(subjects);
    }
  });

  test('its roles name every verb and resource', () => {
    for (const kind of ['Role', 'ClusterRole']) {
      expect(JSON.stringify(find(kind).rules)).not.toContain('*');
    }
    const leases = find('Role').rules.find(
      (rule: { resourceNames?: string[] }) => rule.resourceNames,
    );
    expect(leases.resourceNames).toEqual([`trainer-${backend.name}`]);
  });

  test('its image is the version of this repository', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8'));
    expect(container.image).toBe(`trainer-${name}:${version}`);
  });

  test('its runtime is among those that are shipped', () => {
    const names = runtimes.map(({ metadata }) => metadata.name);
    expect(names).toContain(backend.defaults.runtimeName);
  });
});

describe.each(runtimes.map((runtime) => ({ name: runtime.metadata.name, runtime })))(
  '$name',
  ({ runtime }) => {
    const { template } = runtime.spec;
    const [job] = template.spec.replicatedJobs;
    const pod = job.template.spec.template.spec;
    const [container] = pod.containers;

    test('runs our training runtime, as its image does, under a name that kustomize can change', async () => {
      expect(runtime.metadata.labels?.['trainer.kubeflow.org/framework']).toBe('torch');
      const { version } = JSON.parse(await readFile('package.json', 'utf8'));
      const [, stack = '', tag] = /^trainer-runtime-(\w+):(.+)$/.exec(container.image) ?? [];
      expect(tag).toBe(version);
      const { backend } = registered.find(
        (service) => service.backend.defaults.runtimeName === runtime.metadata.name,
      ) as (typeof registered)[number];
      const engines = await readFile('runtime/trainer_runtime/plan_engine.py', 'utf8');
      const engine = new RegExp(`"${backend.name}": "(\\w+)"`).exec(engines)?.[1] ?? 'trl';
      expect(stack).toBe(engine);

      const dockerfile = await readFile('runtime/Dockerfile', 'utf8');
      const [, entrypoint = ''] = /^ENTRYPOINT (.+)$/m.exec(dockerfile) ?? [];
      expect(container.command).toEqual(JSON.parse(entrypoint));
      const [, user] = /^USER (\d+)$/m.exec(dockerfile) ?? [];
      expect(pod.securityContext.fsGroup).toBe(Number(user));
    });

    test('starts again what was lost, and never what would end the same way', async () => {
      expect(pod.restartPolicy).toBe('Never');
      expect(job.template.spec.backoffLimit).toBe(0);
      const [disruption, ends] = job.template.spec.podFailurePolicy.rules;
      expect(disruption).toEqual({
        action: 'Count',
        onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }],
      });
      const { operator, values, containerName } = ends.onExitCodes;
      expect([ends.action, containerName, operator]).toEqual(['FailJob', container.name, 'In']);
      const settings = JSON.parse(await readFile('runtime/settings.json', 'utf8'));
      // What another attempt may mend, and a process that was killed.
      const mended = [1, settings.exit_statuses.storage_may_come_back];
      const final = Object.values<number>(settings.reasons).filter(
        (status) => !mended.includes(status),
      );
      expect(values).toEqual([...new Set([...final, 137])].sort((a, b) => a - b));
      expect(values).not.toContain(settings.exit_statuses.sigterm);
      expect(template.spec.failurePolicy).toEqual({
        maxRestarts: 3,
        rules: [
          {
            // Of JobSet's own form: a letter, then letters, digits, commas, colons or underscores.
            name: expect.stringMatching(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/),
            action: 'FailJobSet',
            onJobFailureReasons: ['PodFailurePolicy'],
          },
        ],
      });
    });

    test('tells its process which attempt of which job it is', () => {
      const fields = container.env.map(
        (each: { name: string; valueFrom: { fieldRef: { fieldPath: string } } }) =>
          `${each.name} ${each.valueFrom.fieldRef.fieldPath}`,
      );
      expect(fields).toEqual([
        "TRAINER_RESTARTS metadata.labels['jobset.sigs.k8s.io/restart-attempt']",
        "TRAINER_JOB_UID metadata.labels['jobset.sigs.k8s.io/jobset-uid']",
      ]);
    });

    test('claims no volume, and nothing ends before we have seen it', () => {
      expect(template.spec.volumeClaimPolicies).toBeUndefined();
      expect(pod.volumes).toEqual([
        { name: 'work', emptyDir: {} },
        { name: 'shared-memory', emptyDir: { medium: 'Memory' } },
      ]);
      expect(container.volumeMounts).toEqual([
        { name: 'work', mountPath: '/work' },
        { name: 'shared-memory', mountPath: '/dev/shm' },
      ]);
      expect(JSON.stringify(runtime)).not.toContain('ttlSecondsAfterFinished');
    });

    test('is given time to save, and says what it needs beyond the request', () => {
      const { graceMs } = parseConfig({ port: 1, runtimeName: 'none' }, {});
      // As a job says it where the operator changes the time.
      expect(pod.terminationGracePeriodSeconds).toBe(graceMs / 1000 + 10);
      // A GPU here would be added to those of another vendor.
      expect(container.resources).toEqual({
        requests: { 'ephemeral-storage': expect.any(String) },
        limits: { 'ephemeral-storage': expect.any(String) },
      });
    });

    test('has no access to the cluster, and no rights on its node', () => {
      expect(pod.automountServiceAccountToken).toBe(false);
      expect(pod.serviceAccountName).toBeUndefined();
      expect(pod.hostNetwork ?? pod.hostPID ?? pod.hostIPC).toBeUndefined();
      expect(pod.securityContext.seccompProfile).toEqual({ type: 'RuntimeDefault' });
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
      });
    });

    test('tells why it failed without anybody reading its log', () => {
      expect(container.terminationMessagePolicy).toBe('FallbackToLogsOnError');
    });
  },
);
