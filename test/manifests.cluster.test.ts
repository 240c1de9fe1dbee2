import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findFreePort } from '@trainer/common/testing';
import { type ApiClient, ApiError, createApiClient } from '@trainer/common/testing/cluster';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { parse } from 'yaml';
import { DeployedService, toKubeconfig } from './deployed-service.ts';
import { Installation, kustomize } from './installation.ts';
import { type Manifest, manifestFolderOf, readFolder, SERVICES } from './manifests.ts';
import { toRights } from './recording-proxy.ts';

const KUBECONFIG = inject('kubeconfigPath');
/** Three jobs of each service claim one. */
const VOLUMES = 9;
const OVERLAYS = ['k8s/overlays/kind', 'k8s/overlays/production'];

let admin: ApiClient;
let cluster: { server: string; ca: string };
let work: string;

beforeAll(async () => {
  admin = await createApiClient({ kubeconfigPath: KUBECONFIG });
  const config = parse(await readFile(KUBECONFIG, 'utf8')).clusters[0].cluster;
  const ca = config['certificate-authority-data'];
  cluster = { server: config.server, ca: Buffer.from(ca, 'base64').toString() };
  work = await mkdtemp(join(tmpdir(), 'manifests-'));
  // Compiles kustomize where that was never done.
  await kustomize('k8s/runtimes');
});
afterAll(async () => {
  await admin.close();
  await rm(work, { recursive: true });
});

function readVariable(env: readonly { name: string; value?: string }[], wanted: string) {
  return env.find(({ name }) => name === wanted)?.value;
}

function toInstallation(objects: readonly Manifest[]): Installation {
  return new Installation(admin, objects, randomUUID().slice(0, 6));
}

/** Most of it is waiting for the controllers of the cluster. */
const removalEnd = () => performance.now() + 180_000;
const REMOVAL_TIMEOUT_MS = 240_000;

test('kustomize finds every object of the folders, and the same as kubectl apply -f', async () => {
  const built = await kustomize('k8s');
  const folders = ['k8s/base', 'k8s/runtimes', ...SERVICES.map(manifestFolderOf)];
  const read = (await Promise.all(folders.map(readFolder))).flat();
  const sorted = (objects: readonly Manifest[]) =>
    objects.map((object) => `${object.kind} ${object.metadata.name}`).sort();
  expect(sorted(built)).toEqual(sorted(read));
});

test.each(OVERLAYS)(
  'the API server takes all of %s, and gives it all back',
  async (folder) => {
    const installation = toInstallation(await kustomize(folder));
    await installation.apply();
    await installation.remove(removalEnd());
  },
  REMOVAL_TIMEOUT_MS,
);

test(
  'each way to install may follow each other one',
  async () => {
    const suffix = randomUUID().slice(0, 6);
    const folders = ['k8s', ...OVERLAYS];
    const [base, kind, production] = await Promise.all(
      folders.map(async (folder) => new Installation(admin, await kustomize(folder), suffix)),
    );
    // What earlier versions left: the claims of a runtime cannot be changed, only go.
    const runtime = base?.objects.find(({ kind }) => kind === 'ClusterTrainingRuntime') as Manifest;
    const earlier = structuredClone(runtime);
    earlier.spec.template.spec.volumeClaimPolicies = [
      {
        retentionPolicy: { whenDeleted: 'Retain' },
        templates: [
          {
            metadata: { name: 'outputs' },
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
          },
        ],
      },
    ];
    await base?.apply([earlier]);
    // Every ordered pair of the three is in it.
    for (const next of [base, kind, production, base, production, kind, base]) await next?.apply();
    await Promise.all([base, production].map((one) => one?.remove(removalEnd())));
  },
  REMOVAL_TIMEOUT_MS,
);

describe.each([
  ['k8s', 4, {}, 1],
  ['k8s/overlays/production', 2, { zones: ['a', 'b'] }, 1],
])('replicas of %s', (folder, replicas, { zones = [] }: { zones?: string[] }, perPlace) => {
  test(
    'are spread by the real scheduler',
    async () => {
      const installation = toInstallation(
        (await kustomize(folder)).filter(
          ({ kind, metadata }) =>
            kind === 'Namespace' || ['nemo-api', 'trainer-nemo-api'].includes(metadata.name),
        ),
      );
      const pool = `pool-${randomUUID().slice(0, 6)}`;
      const nodes = Array.from({ length: 4 }, (_, index) => `${pool}-${index}`);
      await Promise.all(
        nodes.map((name, index) => {
          const room = { cpu: '64', memory: '256Gi', pods: '110' };
          const zone = zones[Math.floor(index / 2)];
          return admin.call({
            ...{ method: 'POST', path: '/api/v1/nodes' },
            body: {
              metadata: {
                name,
                annotations: { 'kwok.x-k8s.io/node': 'fake' },
                labels: {
                  ...{ pool, 'kubernetes.io/hostname': name },
                  ...(zone && { 'topology.kubernetes.io/zone': zone }),
                },
              },
              status: { capacity: room, allocatable: room },
            },
          });
        }),
      );
      // A node takes pods once it is known to be ready.
      await vi.waitFor(
        async () => {
          for (const name of nodes) {
            const path = `/api/v1/nodes/${name}`;
            const { spec } = await admin.call<Manifest>({ method: 'GET', path });
            expect(spec.taints ?? []).toEqual([]);
          }
        },
        { timeout: 60_000, interval: 200 },
      );
      await installation.apply(installation.objects.filter(({ kind }) => kind === 'Namespace'));
      const deployment = installation.find('Deployment', 'nemo-api');
      const { template } = deployment.spec;
      const onPool = { ...template, spec: { ...template.spec, nodeSelector: { pool } } };
      await installation.apply([
        installation.find('ServiceAccount', 'nemo-api'),
        { ...deployment, spec: { ...deployment.spec, replicas, template: onPool } },
      ]);
      const system = installation.nameOf('trainer-system');
      const placed = await vi.waitFor(
        async () => {
          const { items } = await admin.call<{ items: Manifest[] }>({
            ...{ method: 'GET', path: `/api/v1/namespaces/${system}/pods` },
          });
          const names = items.flatMap(({ spec }) => spec.nodeName ?? []);
          expect(names).toHaveLength(replicas);
          return names;
        },
        { timeout: 60_000, interval: 200 },
      );
      expect(new Set(placed).size).toBe(replicas);
      const places = placed.map((name) => zones[Math.floor(nodes.indexOf(name) / 2)]);
      for (const zone of zones) {
        expect(places.filter((place) => place === zone)).toHaveLength(perPlace);
      }
      await installation.remove(removalEnd());
      for (const name of nodes)
        await admin.call({ method: 'DELETE', path: `/api/v1/nodes/${name}` });
    },
    REMOVAL_TIMEOUT_MS,
  );
});

test(
  'one service alone, by its folder: pod security lets its pods in',
  async () => {
    const [namespaces, service] = await Promise.all([
      readFolder('k8s/base'),
      readFolder(manifestFolderOf('nemo-api')),
    ]);
    const installation = toInstallation([...namespaces, ...service]);
    await installation.apply();
    await vi.waitFor(
      async () => {
        const { status } = await installation.read('Deployment', 'nemo-api');
        expect(status.conditions).not.toContainEqual(
          expect.objectContaining({ type: 'ReplicaFailure' }),
        );
        expect(status.replicas).toBe(2);
      },
      { timeout: 30_000, interval: 200 },
    );
    await installation.remove(removalEnd());
  },
  REMOVAL_TIMEOUT_MS,
);

describe('all three, each as the account and with the settings of its manifests', () => {
  let installation: Installation;
  const running = new Map<string, DeployedService>();

  beforeAll(async () => {
    const bundling = promisify(execFile)(process.execPath, ['scripts/bundle.mjs', '--out', work]);
    installation = toInstallation(await kustomize('k8s'));
    // The services run beside the cluster. Pods of the test bed end, and would be made anew for ever.
    await installation.apply(
      installation.objects.map((object) =>
        object.kind === 'Deployment'
          ? { ...object, spec: { ...object.spec, replicas: 0 } }
          : object,
      ),
    );
    await offerRuntime();
    await bundling;
    for (const name of SERVICES) {
      const port = await findFreePort();
      const bundle = join(work, name);
      running.set(
        name,
        await DeployedService.start({ installation, admin, cluster, name, bundle, port }),
      );
    }
    await Promise.all([...running.values()].map((service) => service.untilReady()));
  });
  afterAll(async () => {
    for (const service of running.values()) await service[Symbol.asyncDispose]();
  });

  /**
   * The runtime of nemo once more, in the namespace of the jobs, where a request may name it; with a
   * claim for each job, which a volume is there for: nothing provides them on a test bed.
   */
  async function offerRuntime() {
    const runtime = installation.find(
      'ClusterTrainingRuntime',
      installation.nameOf('nemo-runtime'),
    );
    const spec = structuredClone(runtime.spec);
    const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
    spec.template.spec.volumeClaimPolicies = [
      {
        retentionPolicy: { whenDeleted: 'Retain' },
        templates: [{ metadata: { name: 'outputs' }, spec: claim }],
      },
    ];
    const [job] = spec.template.spec.replicatedJobs;
    job.template.spec.template.spec.containers[0].volumeMounts.push({
      ...{ name: 'outputs', mountPath: '/outputs' },
    });
    await Promise.all(
      volumes().map((name) =>
        admin.call({
          ...{ method: 'POST', path: '/api/v1/persistentvolumes' },
          body: {
            metadata: { name },
            spec: {
              ...{ accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } },
              hostPath: { path: `/var/tmp/${name}` },
            },
          },
        }),
      ),
    );
    const own = installation.nameOf('trainer-jobs');
    const apiVersion = 'trainer.kubeflow.org/v1alpha1';
    await admin.call({
      ...{ method: 'POST', path: `/apis/${apiVersion}/namespaces/${own}/trainingruntimes` },
      body: { apiVersion, kind: 'TrainingRuntime', metadata: { name: 'own-runtime' }, spec },
    });
  }

  const volumes = () =>
    Array.from({ length: VOLUMES }, (_, index) => installation.nameOf(`volume-${index}`));

  /** Deletes a job that has ended; what is left of its run may still be on its way out. */
  async function forget(service: DeployedService, jobId: string): Promise<void> {
    await vi.waitFor(
      async () => {
        const answer = await service.call('DELETE', `/train/${jobId}?force=true`);
        expect(answer).toMatchObject({ http: 204 });
      },
      { timeout: 30_000, interval: 200 },
    );
    expect(await service.call('GET', `/train/${jobId}`)).toMatchObject({ http: 404 });
  }

  /** A connection as the account of a service, which nothing records. */
  async function stealToken(name: string): Promise<ApiClient> {
    const account = await installation.pathOf(installation.find('ServiceAccount', name));
    const { status } = await admin.call<{ status: { token: string } }>({
      ...{ method: 'POST', path: `${account}/token`, body: { spec: { expirationSeconds: 3600 } } },
    });
    const kubeconfigPath = join(work, `${name}-stolen.json`);
    await writeFile(kubeconfigPath, toKubeconfig(cluster.server, status.token), { mode: 0o600 });
    return createApiClient({ kubeconfigPath });
  }

  async function makeRequest(service: string, jobId: string, ...args: string[]) {
    const example = JSON.parse(await readFile(`services/${service}/example.json`, 'utf8'));
    const extra = example.extra_parameters ?? {};
    const trainer_args = [...(extra.trainer_args ?? []), ...args];
    return { ...example, job_id: jobId, extra_parameters: { ...extra, trainer_args } };
  }

  const inJobs = (path: string) => path.replace('{}', installation.nameOf('trainer-jobs'));

  async function listPods(jobName: string): Promise<readonly Manifest[]> {
    const { items } = await admin.call<{ items: Manifest[] }>({
      ...{ method: 'GET', path: inJobs('/api/v1/namespaces/{}/pods') },
      query: { labelSelector: `jobset.sigs.k8s.io/jobset-name=${jobName}` },
    });
    return items;
  }

  describe.each(SERVICES)('%s', (name) => {
    const service = () => running.get(name) as DeployedService;

    test('runs a job of its runtime to its end, with the GPUs that were asked for', async () => {
      const request = await makeRequest(name, 'runs', '--testbed-run-ms=2000');
      const accepted = await service().call('POST', '/train', request);
      expect(accepted).toMatchObject({ http: 200, status: 'submitted' });
      await service().untilStatus('runs', 'running');
      const pods = await listPods(accepted.backend_job_id ?? '');
      const nodes = request.extra_parameters.num_nodes ?? 1;
      expect(pods).toHaveLength(nodes);
      for (const { spec } of pods) {
        const gpus = String(request.resources.gpus / nodes);
        // What the runtime asks for stays beside it.
        expect(spec.containers[0].resources.limits).toMatchObject({
          'nvidia.com/gpu': gpus,
          'ephemeral-storage': '1Ti',
        });
        expect(readVariable(spec.containers[0].env, 'PET_NPROC_PER_NODE')).toBe(gpus);
        expect(readVariable(spec.containers[0].env, 'PET_NNODES')).toBe(String(nodes));
      }
      // Pods that only play write nothing, which the API server is asked all the same.
      expect(await service().readLog('runs')).toMatch(/^# end: /m);
      await service().untilStatus('runs', 'succeeded');
    });

    test('cancels a job, which leaves nothing behind', async () => {
      const request = await makeRequest(name, 'is-cancelled', '--testbed-outcome=never');
      const { backend_job_id: id = '' } = await service().call('POST', '/train', request);
      await service().untilStatus('is-cancelled', 'running');
      const cancelled = await service().call('POST', '/train/is-cancelled/cancel');
      expect(cancelled).toMatchObject({ http: 200, status: 'cancelled' });
      await vi.waitFor(async () => expect(await listPods(id)).toEqual([]), {
        ...{ timeout: 30_000, interval: 200 },
      });
      const claims = await admin.call<{ items: Manifest[] }>({
        ...{ method: 'GET', path: inJobs('/api/v1/namespaces/{}/persistentvolumeclaims') },
      });
      expect(claims.items.filter(({ metadata }) => metadata.name.endsWith(id))).toEqual([]);
    });

    test('takes a job_id again once its job was forgotten', async () => {
      const request = await makeRequest(name, 'comes-again');
      for (const _ of ['first', 'second']) {
        expect(await service().call('POST', '/train', request)).toMatchObject({ http: 200 });
        await service().untilStatus('comes-again', 'succeeded');
        await forget(service(), 'comes-again');
      }
    });

    test('names the claim that a job with a runtime of its own left, where its id is used again', async () => {
      const request = await makeRequest(name, 'claims');
      request.extra_parameters.runtime_ref = { name: 'own-runtime', kind: 'TrainingRuntime' };
      const accepted = await service().call('POST', '/train', request);
      expect(accepted).toMatchObject({ http: 200 });
      await service().untilStatus('claims', 'succeeded');
      await forget(service(), 'claims');
      const claim = `outputs-${accepted.backend_job_id}`;
      expect(await service().call('POST', '/train', request)).toMatchObject({
        ...{ http: 409, code: 'JOB_CONFLICT' },
        detail: expect.stringContaining(claim),
      });
      const path = inJobs(`/api/v1/namespaces/{}/persistentvolumeclaims/${claim}`);
      await admin.call({ method: 'DELETE', path });
      await vi.waitFor(
        async () => {
          const again = await service().call('POST', '/train', request);
          expect(again).toMatchObject({ http: 200 });
        },
        { timeout: 30_000, interval: 200 },
      );
      await service().call('POST', '/train/claims/cancel');
    });

    test('finds a runtime of the namespace, refuses one that there is not, knows no other job', async () => {
      const request = await makeRequest(name, 'own-runtime');
      request.extra_parameters.runtime_ref = { name: 'own-runtime', kind: 'TrainingRuntime' };
      expect(await service().call('POST', '/train', request)).toMatchObject({ http: 200 });
      const refused = await makeRequest(name, 'no-runtime');
      refused.extra_parameters.runtime_ref = { name: 'no-runtime' };
      expect(await service().call('POST', '/train', refused)).toMatchObject({ http: 400 });
      expect(await service().call('GET', '/train/no-runtime')).toMatchObject({ http: 404 });
      await service().untilStatus('own-runtime', 'succeeded');
    });

    test('uses every right that its roles grant, and asks for no other', () => {
      const role = installation.find('Role', name);
      const clusterRole = installation.find('ClusterRole', installation.nameOf(`trainer-${name}`));
      const granted = toRights([...role.rules, ...clusterRole.rules]);
      const { used, others, refused } = service().recording;
      expect(refused).toEqual([]);
      expect([...used].sort()).toEqual([...new Set(granted)].sort());
      for (const path of others) expect(path).toMatch(/^\/openapi\/v3/);
    });

    test('a stolen token gets no other account, and no Secret that is not of its jobs', async () => {
      const thief = await stealToken(name);
      const backend = name.replace(/-api$/, '');
      const labels = { 'trainer.deepfinery/backend': backend };
      /** `taken`, or in which words it was refused; nothing is made. */
      const write = (resource: string, object: object) =>
        thief
          .call({
            ...{ method: 'POST', path: inJobs(`${resource}`), query: { dryRun: 'All' } },
            body: object,
          })
          .then(
            () => 'taken',
            (error: ApiError) => error.serverMessage,
          );
      const secret = (changes: object) =>
        write('/api/v1/namespaces/{}/secrets', {
          metadata: { name: 'made-by-a-thief', labels },
          type: 'trainer.deepfinery/job',
          ...changes,
        });
      const trainJob = (spec: object, metadata: object = { labels }) =>
        write('/apis/trainer.kubeflow.org/v1alpha1/namespaces/{}/trainjobs', {
          ...{ apiVersion: 'trainer.kubeflow.org/v1alpha1', kind: 'TrainJob' },
          metadata: { name: 'made-by-a-thief', ...metadata },
          spec: { runtimeRef: { name: installation.nameOf('nemo-runtime') }, ...spec },
        });
      const podPatch = (spec: object) => templatePatch({ spec });
      const templatePatch = (template: object) => ({
        runtimePatches: [
          {
            manager: 'thief.example/thief',
            trainingRuntimeSpec: {
              template: {
                spec: {
                  replicatedJobs: [{ name: 'node', template: { spec: { template } } }],
                },
              },
            },
          },
        ],
      });
      const readKey = (from: string) => ({
        env: [{ name: 'X', valueFrom: { secretKeyRef: { name: from, key: 'x' } } }],
      });

      expect(await secret({})).toBe('taken');
      expect(await trainJob({})).toBe('taken');
      expect(await trainJob({ trainer: readKey('made-by-a-thief') })).toBe('taken');
      expect(await trainJob(podPatch({ nodeSelector: { disk: 'ssd' } }))).toBe('taken');
      expect(await trainJob(podPatch({ terminationGracePeriodSeconds: 310 }))).toBe('taken');
      // What a service writes of every job, and what network policies and controllers go by.
      const metadata = { labels, annotations: { 'trainer.deepfinery/job-id': 'x' } };
      expect(await trainJob(templatePatch({ metadata }))).toBe('taken');
      // What Kueue's webhook adds to it before the policy looks.
      const empty = {
        manager: 'kueue.x-k8s.io/manager',
        trainingRuntimeSpec: { template: { spec: {} } },
      };
      expect(await trainJob({ runtimePatches: [empty] })).toBe('taken');
      for (const [part, key] of [
        ['labels', 'app.kubernetes.io/name'],
        ['labels', 'jobset.sigs.k8s.io/jobset-name'],
        ['annotations', 'k8s.v1.cni.cncf.io/networks'],
      ] as const) {
        const foreign = { ...metadata, [part]: { ...metadata[part], [key]: 'x' } };
        expect(await trainJob(templatePatch({ metadata: foreign }))).toContain('nothing beyond');
      }

      const account = { annotations: { 'kubernetes.io/service-account.name': 'default' } };
      const ofAccount = { metadata: { name: 'made-by-a-thief', labels, ...account } };
      const type = 'kubernetes.io/service-account-token';
      expect(await secret({ type, ...ofAccount })).toContain('writes Secrets of the type');
      expect(await secret({ type: 'Opaque' })).toContain('writes Secrets of the type');
      const others = { labels: { 'trainer.deepfinery/backend': 'of-another' } };
      const ofOthers = { metadata: { name: 'made-by-a-thief', ...others } };
      expect(await secret(ofOthers)).toContain('writes objects with the label');
      expect(await trainJob({}, others)).toContain('writes objects with the label');

      const dataset = { storageUri: 'hf://some/data' };
      const initializer = { dataset: { ...dataset, secretRef: { name: 'of-others' } } };
      expect(await trainJob({ trainer: readKey('of-others') })).toContain('reads keys of its own');
      const loads = { initializer: { dataset: { ...dataset, ...readKey('of-others') } } };
      expect(await trainJob(loads)).toContain('reads keys of its own');
      expect(await trainJob({ initializer })).toContain('takes no whole Secret');
      for (const spec of [
        { serviceAccountName: 'default' },
        { volumes: [{ name: 'stolen', secret: { secretName: 'of-others' } }] },
        { containers: [{ name: 'node', ...readKey('of-others') }] },
      ]) {
        expect(await trainJob(podPatch(spec))).toContain('mounts nothing beyond its runtime');
      }

      const ofOperator = inJobs('/api/v1/namespaces/{}/secrets/of-the-operator');
      await admin.call({
        ...{ method: 'POST', path: inJobs('/api/v1/namespaces/{}/secrets') },
        body: { metadata: { name: 'of-the-operator', labels }, data: { key: 'eA==' } },
      });
      await expect(thief.call({ method: 'DELETE', path: ofOperator })).rejects.toThrow(ApiError);
      await admin.call({ method: 'DELETE', path: ofOperator });
      await thief.close();
    });

    test('does not take a job when it lost a right', async () => {
      const role = installation.find('Role', name);
      const rules = role.rules.map((rule: { resources: string[]; verbs: string[] }) =>
        rule.resources.includes('secrets')
          ? { ...rule, verbs: rule.verbs.filter((verb) => verb !== 'create') }
          : rule,
      );
      await installation.apply([{ ...role, rules }]);
      await vi.waitFor(
        async () => {
          const request = await makeRequest(name, `refused-${randomUUID()}`);
          expect(await service().call('POST', '/train', request)).toMatchObject({ http: 503 });
          expect(service().output).toContain('cannot create resource');
        },
        { timeout: 20_000, interval: 500 },
      );
      await installation.apply([role]);
    });
  });

  describe('a training of the runtimes', () => {
    const [name = ''] = SERVICES;
    const service = () => running.get(name) as DeployedService;
    const restartsOf = async (jobName: string) => {
      const path = inJobs(`/apis/jobset.x-k8s.io/v1alpha2/namespaces/{}/jobsets/${jobName}`);
      return (await admin.call<Manifest>({ method: 'GET', path })).status.restarts ?? 0;
    };
    const fails = (code: number, message: string) => [
      '--testbed-outcome=failed',
      `--testbed-exit-code=${code}`,
      `--testbed-message=${message}`,
    ];

    test.each([
      [3, 'DATASET_INVALID: data.jsonl, line 2: messages is missing.', 'DATASET_INVALID'],
      [6, 'OUT_OF_MEMORY: The training needed more memory than its limit.', 'OUT_OF_MEMORY'],
      [7, 'STOPPED: Stopped by order at step 4 of 9.', 'STOPPED'],
      [137, '', 'POD_FAILED'],
    ])('is not started again when it ends with %i', async (code, message, reason) => {
      const id = `ends-with-${code}`;
      const request = await makeRequest(name, id, ...fails(code, message));
      const { backend_job_id: jobName = '' } = await service().call('POST', '/train', request);
      expect(await service().untilStatus(id, 'failed')).toMatchObject({ reason });
      expect(await listPods(jobName)).toHaveLength(1);
      expect(await restartsOf(jobName)).toBe(0);
    });

    test('is started again three times when another attempt may mend it', async () => {
      const request = await makeRequest(
        ...[name, 'may-be-mended', ...fails(1, 'GPU_UNAVAILABLE: This process sees no GPU.')],
      );
      const { backend_job_id: jobName = '' } = await service().call('POST', '/train', request);
      expect(await service().untilStatus('may-be-mended', 'failed')).toMatchObject({
        reason: 'GPU_UNAVAILABLE',
      });
      expect(await restartsOf(jobName)).toBe(3);
    });

    test('goes on in another pod when its own is lost, as the next attempt', async () => {
      const request = await makeRequest(name, 'is-lost', '--testbed-outcome=never');
      const { backend_job_id: jobName = '' } = await service().call('POST', '/train', request);
      await service().untilStatus('is-lost', 'running');
      const [lost] = await listPods(jobName);
      const path = inJobs(`/api/v1/namespaces/{}/pods/${lost?.metadata.name}`);
      await admin.call({ method: 'DELETE', path });
      const next = await vi.waitFor(
        async () => {
          const [pod, ...others] = await listPods(jobName);
          expect(others).toEqual([]);
          expect(pod?.status.phase).toBe('Running');
          expect(pod?.metadata.name).not.toBe(lost?.metadata.name);
          return pod as Manifest;
        },
        { timeout: 30_000, interval: 200 },
      );
      expect(await restartsOf(jobName)).toBe(1);
      const { env } = next.spec.containers[0];
      for (const [variable, label, value] of [
        ['TRAINER_RESTARTS', 'jobset.sigs.k8s.io/restart-attempt', '1'],
        ['TRAINER_JOB_UID', 'jobset.sigs.k8s.io/jobset-uid', expect.stringMatching(/-/)],
      ]) {
        const { valueFrom } = env.find((each: { name: string }) => each.name === variable);
        expect(valueFrom.fieldRef.fieldPath).toBe(`metadata.labels['${label}']`);
        expect(next.metadata.labels?.[label]).toEqual(value);
      }
      expect(await service().call('GET', '/train/is-lost')).toMatchObject({ status: 'running' });
      await service().call('POST', '/train/is-lost/cancel');
    });

    test('gets no account, and its namespace grants it nothing', async () => {
      const request = await makeRequest(name, 'has-no-rights', '--testbed-outcome=never');
      const { backend_job_id: jobName = '' } = await service().call('POST', '/train', request);
      await service().untilStatus('has-no-rights', 'running');
      for (const { spec } of await listPods(jobName)) {
        expect(spec.automountServiceAccountToken).toBe(false);
        expect(JSON.stringify(spec.volumes)).not.toMatch(/serviceAccountToken|secret/);
        const namespace = installation.nameOf('trainer-jobs');
        for (const [verb, resource] of [
          ['*', '*'],
          ['get', 'secrets'],
          ['list', 'pods'],
          ['create', 'pods'],
          ['get', 'configmaps'],
        ]) {
          const one = await admin.call<Manifest>({
            ...{ method: 'POST', path: '/apis/authorization.k8s.io/v1/subjectaccessreviews' },
            body: {
              spec: {
                user: `system:serviceaccount:${namespace}:${spec.serviceAccountName}`,
                groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
                resourceAttributes: { namespace, verb, resource },
              },
            },
          });
          expect(one.status.allowed, `${verb} ${resource}`).toBe(false);
        }
      }
      await service().call('POST', '/train/has-no-rights/cancel');
    });
  });

  test(
    'all can be removed while jobs run and the services are up',
    async () => {
      const [name = ''] = SERVICES;
      const service = running.get(name) as DeployedService;
      const request = await makeRequest(name, 'is-removed', '--testbed-outcome=never');
      await vi.waitFor(
        async () => {
          expect(await service.call('POST', '/train', request)).toMatchObject({ http: 200 });
        },
        { timeout: 20_000, interval: 500 },
      );
      await service.untilStatus('is-removed', 'running');
      await installation.remove(removalEnd());
      for (const volume of volumes()) {
        await admin.call({ method: 'DELETE', path: `/api/v1/persistentvolumes/${volume}` });
      }
    },
    REMOVAL_TIMEOUT_MS,
  );
});
