// Drives the test bed once through what tests rely on. Run by hand: `node testbed/smoke.ts`.
import assert from 'node:assert/strict';
import {
  type Kube,
  KubeError,
  type KubeObject,
  startTestbed,
  type Testbed,
  until,
} from './src/index.ts';

const namespace = 'trainer-jobs';
let began = performance.now();

function lap(what: string): void {
  console.log(`${((performance.now() - began) / 1000).toFixed(2).padStart(7)} s  ${what}`);
  began = performance.now();
}

function trainJob(
  name: string,
  args: string[] = [],
  { runtime = 'nemo-runtime', labels = {} } = {},
): KubeObject {
  return {
    apiVersion: 'trainer.kubeflow.org/v1alpha1',
    kind: 'TrainJob',
    metadata: { name, namespace, labels },
    spec: {
      runtimeRef: { name: runtime },
      trainer: { numNodes: 1, resourcesPerNode: { limits: { 'nvidia.com/gpu': '1' } }, args },
    },
  };
}

function condition(kube: Kube, job: KubeObject, type: string): Promise<void> {
  return until(`${job.metadata.name} is ${type}`, async () => {
    const { status } = await kube.get(job);
    return status?.conditions?.some(
      (entry: { type: string; status: string }) => entry.type === type && entry.status === 'True',
    );
  });
}

async function podsOf(kube: Kube, job: KubeObject): Promise<KubeObject[]> {
  const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=jobset.sigs.k8s.io/jobset-name=${job.metadata.name}`;
  return (await kube.call<{ items: KubeObject[] }>('GET', path)).items;
}

async function outcomes({ kube }: Testbed): Promise<void> {
  const good = await kube.create(trainJob('good'));
  await condition(kube, good, 'Complete');
  lap('a TrainJob succeeded');

  const bad = await kube.create(
    trainJob('bad', [
      '--testbed-outcome=failed',
      '--testbed-exit-code=3',
      '--testbed-message=no loss',
    ]),
  );
  await condition(kube, bad, 'Failed');
  lap('a TrainJob failed');
  const states = (await podsOf(kube, bad)).map(
    (pod) => pod.status.containerStatuses[0].state.terminated,
  );
  assert.deepEqual(
    states.map(({ exitCode, message }) => ({ exitCode, message })),
    [{ exitCode: 3, message: 'no loss' }],
  );

  const staged = trainJob('staged', [], { runtime: 'with-initializers-runtime' });
  staged.spec.initializer = {
    dataset: { storageUri: 'hf://some/dataset' },
    model: { storageUri: 'hf://some/model' },
  };
  await condition(kube, await kube.create(staged), 'Complete');
  lap('a TrainJob with initializers succeeded');

  const again = await kube.create(
    trainJob('again', ['--testbed-outcome=failed'], { runtime: 'restarting-runtime' }),
  );
  await condition(kube, again, 'Failed');
  lap('a TrainJob failed after two restarts');
}

async function deletion({ kube }: Testbed): Promise<void> {
  const endless = await kube.create(
    trainJob('endless', ['--testbed-outcome=never', '--testbed-terminate-ms=1000']),
  );
  await until('its pod runs', async () =>
    (await podsOf(kube, endless)).some((pod) => pod.status.phase === 'Running'),
  );
  await kube.delete(endless);
  lap('an endless TrainJob was deleted');
  await until('its pod terminates', async () =>
    (await podsOf(kube, endless)).some((pod) => pod.metadata.deletionTimestamp),
  );
  await until('its pods are gone', async () => (await podsOf(kube, endless)).length === 0);
  lap('and its pods vanished, after a second of grace');
}

async function queue({ kube, queue: training }: Testbed): Promise<void> {
  training.slots = 1;
  const labels = { 'kueue.x-k8s.io/queue-name': 'training' };
  const first = await kube.create(trainJob('first', ['--testbed-run-ms=1500'], { labels }));
  const second = await kube.create(trainJob('second', [], { labels }));
  await condition(kube, second, 'Suspended');
  await condition(kube, first, 'Complete');
  assert.equal(
    (await kube.get(second)).status.conditions.some(
      (entry: { type: string }) => entry.type === 'Complete',
    ),
    false,
  );
  await condition(kube, second, 'Complete');
  lap('the second queued TrainJob ran after the first');
}

async function refusals({ kube }: Testbed): Promise<void> {
  await assert.rejects(
    kube.create(trainJob('lost', [], { runtime: 'absent-runtime' })),
    /admission webhook "validator.trainjob.* denied/,
  );
  lap("Trainer's webhook refused an absent runtime");

  const account: KubeObject = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'reader', namespace },
  };
  await kube.apply(account);
  const rules = [
    { apiGroups: ['trainer.kubeflow.org'], resources: ['trainjobs'], verbs: ['get', 'list'] },
  ];
  const rbac = 'rbac.authorization.k8s.io';
  await kube.apply({
    apiVersion: `${rbac}/v1`,
    kind: 'Role',
    metadata: { name: 'reader', namespace },
    rules,
  });
  await kube.apply({
    apiVersion: `${rbac}/v1`,
    kind: 'RoleBinding',
    metadata: { name: 'reader', namespace },
    roleRef: { apiGroup: rbac, kind: 'Role', name: 'reader' },
    subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace }],
  });
  const request = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 600 },
  };
  const { status } = await kube.call('POST', `${await kube.path(account)}/token`, request);
  const reader = kube.as(status.token);
  await until('the role is known', () =>
    reader.get(trainJob('good')).then(
      () => true,
      () => false,
    ),
  );
  await assert.rejects(
    reader.create(trainJob('forbidden')),
    (error) => error instanceof KubeError && error.status === 403,
  );
  reader.close();
  lap('a service account may read and not create');
}

async function crowd({ kube }: Testbed, count: number): Promise<void> {
  const jobs = Array.from({ length: count }, (_, index) => trainJob(`crowd-${index}`));
  await Promise.all(jobs.map((job) => kube.create(job)));
  lap(`${count} TrainJobs were created at once`);
  await until(
    'they all succeeded',
    async () => {
      const { items } = await kube.call<{ items: KubeObject[] }>(
        'GET',
        `${await kube.collection(trainJob('any'))}`,
      );
      const done = items.filter(
        (job) =>
          job.metadata.name.startsWith('crowd-') &&
          job.status?.conditions?.some((entry: { type: string }) => entry.type === 'Complete'),
      );
      return done.length === count;
    },
    { timeoutMs: 600_000, everyMs: 1_000 },
  );
  lap('and all succeeded');
}

async function restarts(testbed: Testbed): Promise<void> {
  for (const name of ['kube-apiserver', 'trainer', 'etcd']) {
    await testbed.component(name).stop({ signal: 'SIGKILL' });
    await testbed.component(name).start();
    lap(`${name} was killed and started again`);
  }
  const { kube } = testbed;
  const job = trainJob('afterwards');
  await until('a TrainJob is accepted again', () =>
    kube.create(job).then(
      () => true,
      () => false,
    ),
  );
  await condition(kube, job, 'Complete');
  lap('a TrainJob succeeded after the restarts');
}

const testbed = await startTestbed({ log: console.log });
try {
  console.log(testbed.versions);
  lap('the test bed is up');
  await assert.rejects(startTestbed({ dir: testbed.dir }), /already runs/);
  await outcomes(testbed);
  await deletion(testbed);
  await queue(testbed);
  await refusals(testbed);
  await crowd(testbed, Number(process.argv[2] ?? 50));
  await restarts(testbed);
  console.log('7 passed, 0 failed');
} finally {
  await testbed.close();
  lap('the test bed is down');
}
