// Drives the test bed once through what tests rely on. Run by hand: `node testbed/smoke.ts [COUNT] [--queued]`.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
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
      trainer: {
        numNodes: 1,
        resourcesPerNode: { limits: { 'nvidia.com/gpu': '1' } },
        // Kueue, writing the TrainJob back, leaves out what is empty, and spec.trainer is immutable.
        ...(args.length > 0 && { args }),
      },
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
  await training.resize(1);
  const labels = { 'kueue.x-k8s.io/queue-name': 'training' };
  const first = await kube.create(trainJob('first', ['--testbed-run-ms=1500'], { labels }));
  await until('the first is admitted', () => admitted(training, 'first'));
  const second = await kube.create(trainJob('second', [], { labels }));
  await condition(kube, second, 'Suspended');
  await condition(kube, first, 'Complete');
  const { conditions } = (await kube.get(second)).status;
  assert.ok(!conditions.some((entry: { type: string }) => entry.type === 'Complete'));
  await condition(kube, second, 'Complete');
  lap('the second queued TrainJob ran after the first');

  const third = await kube.create(trainJob('third', ['--testbed-outcome=never'], { labels }));
  await until('it runs', () => runs(kube, third));
  await kube.patch(third, { spec: { suspend: true } });
  await until('its pods leave', async () => !(await runs(kube, third)));
  await until('Kueue runs it again', () => runs(kube, third));
  lap('an admitted TrainJob that was suspended was resumed by Kueue');
  await training.hold('third');
  await until('its pods are gone', async () => (await podsOf(kube, third)).length === 0);
  assert.equal((await kube.get(third)).spec.suspend, true);
  await training.release('third');
  await until('it runs again', () => runs(kube, third));
  lap('its Workload was deactivated and activated');
  await kube.delete(third);
  await until('its Workload is gone', async () => !(await training.workload('third')));
  await until('its pods, too', async () => (await podsOf(kube, third)).length === 0);
  lap('it was deleted, and its Workload with it');

  const held = { 'kueue.x-k8s.io/queue-name': 'held' };
  const waiting = await kube.create(trainJob('waiting', [], { labels: held }));
  await condition(kube, waiting, 'Suspended');
  await kube.delete(waiting);
  lap('a TrainJob waited in the queue that admits nothing');
  await training.resize(16);
}

async function admitted(training: Testbed['queue'], name: string): Promise<boolean> {
  const conditions = (await training.workload(name))?.status?.conditions ?? [];
  return conditions.some(
    ({ type, status }: { type: string; status: string }) =>
      type === 'Admitted' && status === 'True',
  );
}

async function runs(kube: Kube, job: KubeObject): Promise<boolean> {
  return (await podsOf(kube, job)).some(
    (pod) => pod.status.phase === 'Running' && !pod.metadata.deletionTimestamp,
  );
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

async function crowd({ kube }: Testbed, count: number, labels = {}): Promise<void> {
  const jobs = Array.from({ length: count }, (_, index) =>
    trainJob(`crowd-${index}`, [], { labels }),
  );
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

/** Processor time so far and memory now, by component. */
async function costs(testbed: Testbed): Promise<void> {
  const names = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];
  names.push('jobset', 'trainer', 'kwok', 'kueue');
  const parts = await Promise.all(
    names.map(async (name) => {
      const { pid } = testbed.component(name);
      const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
      const seconds = (Number(fields[11]) + Number(fields[12])) / 100;
      return { name, seconds, megabytes: Math.round((Number(fields[21]) * 4096) / 1e6) };
    }),
  );
  console.table(parts);
  const sum = parts.reduce((total, { seconds }) => total + seconds, 0);
  console.log(`${sum.toFixed(1)} s of processor time in all`);
}

const { values, positionals } = parseArgs({
  options: { queued: { type: 'boolean' } },
  allowPositionals: true,
});
const testbed = await startTestbed({ log: console.log });
try {
  console.log(testbed.versions);
  lap('the test bed is up');
  await assert.rejects(startTestbed({ dir: testbed.dir }), /already runs/);
  await outcomes(testbed);
  await deletion(testbed);
  await queue(testbed);
  await refusals(testbed);
  await costs(testbed);
  const labels = values.queued ? { 'kueue.x-k8s.io/queue-name': 'training' } : {};
  await crowd(testbed, Number(positionals[0] ?? 50), labels);
  await costs(testbed);
  await restarts(testbed);
  console.log('7 passed, 0 failed');
} finally {
  await testbed.close();
  lap('the test bed is down');
}
