import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { isTerminal } from '../../src/jobs/job.ts';
import type { JobSpec } from '../../src/jobs/job-spec.ts';
import type { Observation } from '../../src/jobs/observation.ts';
import type { ApiClient } from '../../src/kubernetes/api-client.ts';
import { ApiError } from '../../src/kubernetes/api-client.ts';
import type { KubeflowRunner } from '../../src/runners/kubeflow/kubeflow-runner.ts';
import type { TrainJobPlan } from '../../src/runners/kubeflow/trainjob/plan.ts';
import { describeJobRunner } from '../job-runner-contract.ts';
import { assertExists, untilSeen } from '../until-seen.ts';
import {
  type BedJob,
  KubeflowFixture,
  LEADER,
  MERGE_PATCH,
  RUNNER_RULES,
  TRAINER_API,
} from './kubeflow-fixture.ts';

const KUBECONFIG = inject('kubeconfigPath');
const NEVER = ['--testbed-outcome=never'];
const TRAINING_TIME = '--testbed-run-ms=1000';
const INITIALIZERS = {
  initializer: {
    dataset: { storageUri: 'hf://some/dataset' },
    model: { storageUri: 'hf://some/model' },
  },
};

const hasEnded = (seen: Observation) => seen.exists && isTerminal(seen.status);
const isGone = (seen: Observation) => !seen.exists;
const says = (reason: string) => (seen: Observation) => seen.exists && seen.reason === reason;

describeJobRunner('KubeflowRunner', async () => {
  const fixture = await KubeflowFixture.open(KUBECONFIG);
  const runner = fixture.createRunner();
  return {
    runner,
    makeSpec: (outcome) => fixture.makeSpec([`--testbed-outcome=${outcome}`, TRAINING_TIME]),
    createRecord: ({ jobId: id }) => fixture.createRecord({ id }),
    until: (name, isWanted) => untilSeen(runner, name, isWanted),
    close: () => fixture.close(),
  };
});

describe('KubeflowRunner on a real control plane', () => {
  let fixture: KubeflowFixture;
  let runner: KubeflowRunner;

  beforeAll(async () => {
    fixture = await KubeflowFixture.open(KUBECONFIG);
    runner = fixture.createRunner({ leadership: LEADER });
    await runner.open();
  });

  afterAll(() => fixture.close());

  async function start(job: BedJob) {
    const { record, plan } = await fixture.createJob(job);
    const started = await runner.start(record, plan);
    if (started.outcome !== 'started') throw new Error(JSON.stringify(started));
    return { ...record, runId: started.runId };
  }

  /** Sets a quota, which counts once a controller has looked at it; returns how to lift it. */
  async function limit(name: string, hard: Record<string, string>) {
    const path = fixture.core('resourcequotas');
    const body = { metadata: { name }, spec: { hard } };
    await fixture.admin.call({ method: 'POST', path, body });
    await fixture.untilAny<{ metadata: { name: string }; status?: { hard?: object } }>(
      { path },
      (quotas) => quotas.get(name)?.status?.hard !== undefined,
    );
    return () => fixture.admin.call({ method: 'DELETE', path: `${path}/${name}` });
  }

  /** A Kueue queue of our namespace that admits what fits; returns how to remove it. */
  async function createQueue(name: string) {
    const apiVersion = 'kueue.x-k8s.io/v1beta2';
    const path = `/apis/${apiVersion}/namespaces/${fixture.namespace}/localqueues`;
    const body = {
      apiVersion,
      kind: 'LocalQueue',
      metadata: { name },
      spec: { clusterQueue: 'training' },
    };
    await fixture.admin.call({ method: 'POST', path, body });
    return () => fixture.admin.call({ method: 'DELETE', path: `${path}/${name}` });
  }

  /** Every reason that is shown until the run ends, each once, in order. */
  function followReasons(name: string): () => string[] {
    const reasons: string[] = [];
    const note = () => {
      const seen = runner.getCached(name);
      if (seen?.exists === true && seen.reason !== reasons.at(-1)) reasons.push(seen.reason);
    };
    const unwatch = runner.watch((changed) => {
      if (changed === name) note();
    });
    note();
    return () => {
      unwatch();
      return reasons;
    };
  }

  describe('observes', () => {
    test('initializers, training on two nodes, success', async () => {
      const job = { runtime: 'with-initializers-runtime', nodes: 2, args: [TRAINING_TIME] };
      const { name } = await start({ ...job, spec: INITIALIZERS });
      const end = followReasons(name);
      const running = await untilSeen(runner, name, says('RUNNING'));
      expect(running).toMatchObject({ detail: 'Training is running on 2 of 2 nodes' });
      expect(await untilSeen(runner, name, hasEnded)).toMatchObject({
        status: 'succeeded',
        detail: 'Training completed',
        startedAtMs: assertExists(running).startedAtMs,
      });
      const reasons = end();
      expect(reasons.slice(reasons.indexOf('INITIALIZING'))).toEqual(
        expect.arrayContaining(['INITIALIZING', 'RUNNING', 'COMPLETED']),
      );
      expect(reasons.at(-1)).toBe('COMPLETED');
    });

    test('a failure, with exit code and last lines', async () => {
      const message = '--testbed-message=step 7\nloss is nan';
      const args = ['--testbed-outcome=failed', '--testbed-exit-code=3', message];
      const { name } = await start({ args });
      expect(await untilSeen(runner, name, hasEnded)).toMatchObject({
        status: 'failed',
        reason: 'POD_FAILED',
        detail: 'The container node failed with exit code 3',
        lastWords: 'step 7\nloss is nan',
      });
    });

    test('a failure on any replica, by one look of its own', async () => {
      const follower = fixture.createRunner();
      await follower.open();
      const { name } = await start({ args: ['--testbed-outcome=oom'] });
      const wanted = { status: 'failed', reason: 'OUT_OF_MEMORY' };
      expect(await untilSeen(runner, name, hasEnded)).toMatchObject(wanted);
      await untilSeen(follower, name, hasEnded);
      expect(await follower.observe(name)).toMatchObject(wanted);
    });

    test('restarts that are used up', async () => {
      const args = ['--testbed-outcome=failed'];
      const { name } = await start({ runtime: 'restarting-runtime', args });
      expect(await untilSeen(runner, name, hasEnded)).toMatchObject({
        status: 'failed',
        reason: 'MAX_RESTARTS_REACHED',
        detail: 'The container node failed with exit code 1 (after its last restart)',
      });
    });

    test('a deadline that ended the training', async () => {
      const { name } = await start({ args: NEVER, spec: { activeDeadlineSeconds: 3 } });
      const running = assertExists(await untilSeen(runner, name, says('RUNNING')));
      expect(await untilSeen(runner, name, hasEnded)).toMatchObject({
        status: 'failed',
        reason: 'DEADLINE_EXCEEDED',
        detail: 'Its time limit of 3 seconds was reached while it was training',
        startedAtMs: running.startedAtMs,
      });
      await fixture.untilNoPods(name);
    });

    test('a deadline that was reached before anything ran', async () => {
      const { name } = await start({ gpus: 500, spec: { activeDeadlineSeconds: 3 } });
      expect(await untilSeen(runner, name, hasEnded)).toMatchObject({
        reason: 'DEADLINE_EXCEEDED',
        detail: expect.stringMatching(/^Its time limit of 3 seconds .* still waited to start/),
        startedAtMs: undefined,
      });
    });

    test('a queue that is not there at first, and then lets the job go', async () => {
      const { name } = await start({ queue: 'held', args: NEVER });
      expect(await untilSeen(runner, name, says('QUEUED'))).toMatchObject({
        status: 'submitted',
        detail: 'Waiting in the queue held',
      });
      const removeQueue = await createQueue('held');
      await untilSeen(runner, name, says('RUNNING'));
      await removeQueue();
    });

    test('a cluster without room', async () => {
      const { name } = await start({ gpus: 500 });
      expect(await untilSeen(runner, name, says('INSUFFICIENT_RESOURCES'))).toMatchObject({
        status: 'submitted',
        detail: expect.stringMatching(
          /^No node can take the job yet: .* Insufficient nvidia.com\/gpu/,
        ),
        isDiagnosed: true,
      });
    });

    test('an image that cannot be pulled', async () => {
      const { name } = await start({ nodes: 2, args: ['--testbed-outcome=image-pull'] });
      expect(await untilSeen(runner, name, says('IMAGE_PULL_FAILED'))).toMatchObject({
        status: 'submitted',
        detail: expect.stringContaining('registry.example/nemo-runtime:1'),
      });
    });

    test('a JobSet that is refused for what the runtime says', async () => {
      const { name } = await start({ runtime: 'broken-runtime' });
      expect(await untilSeen(runner, name, says('RUNTIME_REJECTED'))).toMatchObject({
        status: 'submitted',
        detail: expect.stringContaining("invalid replicatedJob name 'absent'"),
      });
    });

    test('a quota that its pods do not fit into', async () => {
      const lift = await limit('few-gpus', { 'requests.nvidia.com/gpu': '450' });
      const { name } = await start({ gpus: 460 });
      expect(await untilSeen(runner, name, says('QUOTA_EXCEEDED'))).toMatchObject({
        status: 'submitted',
        detail: expect.stringMatching(
          /^The quota few-gpus is exceeded: .* limited to requests\.nvidia\.com\/gpu=450$/,
        ),
      });
      await lift();
    });

    test('nothing finer on a replica that does not lead, which says so', async () => {
      const follower = fixture.createRunner();
      await follower.open();
      const { name } = await start({ args: ['--testbed-outcome=image-pull'] });
      await untilSeen(runner, name, says('IMAGE_PULL_FAILED'));
      const seen = await untilSeen(follower, name, says('PENDING'));
      expect(seen).toMatchObject({ status: 'submitted', isDiagnosed: false });
    });

    test('a run of a failed job that Trainer starts again', async () => {
      const { name, runId } = await start({ args: ['--testbed-outcome=failed'] });
      await untilSeen(runner, name, hasEnded);
      await fixture.admin.call({ method: 'DELETE', path: fixture.jobSetPath(name) });
      const again = await untilSeen(runner, name, (seen) => !hasEnded(seen));
      expect(again).toMatchObject({ exists: true, runId, isStopping: false });
    });
  });

  test('takes no server without TrainJobs for one on which all are gone', async () => {
    const stranded = fixture.createRunner({
      client: fixture.admin,
      env: { TRAINER_TRAINJOB_API_VERSION: 'trainer.kubeflow.org/v9' },
    });
    await stranded.open();
    const { record, plan } = await fixture.createJob();
    const unavailable = { code: 'CLUSTER_UNAVAILABLE' };
    expect(stranded.getCached(record.name)).toBeUndefined();
    expect(stranded.notReadyReason()).toBe('The TrainJobs have not been listed yet.');
    await expect(stranded.observe(record.name)).rejects.toMatchObject(unavailable);
    await expect(stranded.start(record, plan)).rejects.toMatchObject(unavailable);
    await expect(stranded.stop({ ...record, runId: 'run' })).rejects.toMatchObject(unavailable);
    await expect(stranded.prepare(fixture.makeSpec([]))).rejects.toMatchObject(unavailable);
  });

  describe('is refused by the cluster', () => {
    test.each([
      [
        'a runtime that does not exist',
        { runtime: 'absent-runtime' },
        /"absent-runtime" not found: specified clusterTrainingRuntime must be created/,
      ],
      [
        'initializers that the runtime lacks',
        { spec: INITIALIZERS },
        /must have dataset-initializer job .* must have model-initializer job/,
      ],
      [
        'a URI that its schema forbids',
        {
          runtime: 'with-initializers-runtime',
          spec: { initializer: { dataset: { storageUri: 'bad' } } },
        },
        /storageUri: storageUri may be empty, or it must be a valid URI/,
      ],
    ] as [string, BedJob, RegExp][])('%s', async (_, job, expected) => {
      const { record, plan } = await fixture.createJob(job);
      const outcome = await runner.start(record, plan);
      expect(outcome).toMatchObject({
        outcome: 'refused',
        detail: expect.stringMatching(expected),
      });
      expect(JSON.stringify(outcome)).not.toMatch(/admission webhook|Invalid value|\\n/);
      expect(await runner.observe(record.name)).toEqual({ exists: false });
    });

    test('a field of another release in a plan that cannot be made anew', async () => {
      const { record, plan } = await fixture.createJob({ spec: { podSpecOverrides: [] } });
      expect(await runner.start(record, plan)).toEqual({
        outcome: 'refused',
        detail:
          'The Kubeflow Trainer of this cluster does not know the field spec.podSpecOverrides.',
      });
      expect(await runner.observe(record.name)).toEqual({ exists: false });
    });

    test('a quota of TrainJobs', async () => {
      const lift = await limit('no-trainjobs', { 'count/trainjobs.trainer.kubeflow.org': '0' });
      const { record, plan } = await fixture.createJob();
      expect(await runner.start(record, plan)).toMatchObject({
        outcome: 'refused',
        detail: expect.stringMatching(/^The quota no-trainjobs is exceeded: /),
      });
      await lift();
    });

    test('an account that may not create: nobody but the log is told', async () => {
      const rules = RUNNER_RULES.map((rule) => ({
        ...rule,
        verbs: rule.verbs.filter((verb) => verb !== 'create'),
      }));
      const limited = fixture.createRunner({ client: await fixture.connectAs(rules) });
      const { record, plan } = await fixture.createJob();
      expect(await limited.start(record, plan)).toEqual({
        outcome: 'forbidden',
        detail: expect.stringMatching(/^The cluster refuses what this service needs to do/),
      });
    });
  });

  describe('starts', () => {
    test('owned by its record and held by nothing', async () => {
      const record = await start({ args: NEVER });
      const trainJob = await fixture.admin.call<{ metadata: Record<string, unknown> }>({
        method: 'GET',
        path: fixture.trainJobPath(record.name),
      });
      const owner = { apiVersion: 'v1', kind: 'Secret', name: record.name, uid: record.uid };
      expect(trainJob.metadata.ownerReferences).toEqual([owner]);
      expect(trainJob.metadata).not.toHaveProperty('finalizers');
    });

    test('once, although the answer was lost', async () => {
      const forgetful = fixture.createRunner({
        client: losingFirstAnswer(fixture.limited, 'POST'),
      });
      const { record, plan } = await fixture.createJob({ args: NEVER });
      await expect(forgetful.start(record, plan)).rejects.toMatchObject({
        code: 'CLUSTER_UNAVAILABLE',
        retryAfterSeconds: 5,
      });
      const seen = assertExists(await untilSeen(runner, record.name, ({ exists }) => exists));
      const wanted = { outcome: 'started', runId: seen.runId };
      expect(await forgetful.start(record, plan)).toEqual(wanted);
    });

    test('later, while an earlier TrainJob of the name is on its way out', async () => {
      const first = await start({ args: NEVER });
      const path = fixture.trainJobPath(first.name);
      const hold = (finalizers: string[]) =>
        fixture.admin.call({
          method: 'PATCH',
          path,
          contentType: MERGE_PATCH,
          body: { metadata: { finalizers } },
        });
      await hold(['test.example/hold']);
      await runner.stop(first);
      expect(await untilSeen(runner, first.name, ({ exists }) => exists)).toMatchObject({
        isStopping: true,
      });
      const secrets = fixture.core('secrets');
      await fixture.admin.call({ method: 'DELETE', path: `${secrets}/${first.name}` });
      const second = await fixture.createRecord({ id: first.id });
      const plan = fixture.toPlan(second, { args: NEVER });
      expect(await runner.start(second, plan)).toMatchObject({ outcome: 'later' });
      await hold([]);
      await untilSeen(runner, first.name, isGone);
      const started = await runner.start(second, plan);
      expect(started).toMatchObject({ outcome: 'started' });
      expect(started).not.toMatchObject({ runId: first.runId });
      await untilSeen(runner, second.name, says('RUNNING'));
    });
  });

  describe('stops', () => {
    test.each([
      ['a run, and its pods go', { nodes: 2, args: NEVER }, 'RUNNING'],
      ['one that waits for room', { gpus: 500 }, 'INSUFFICIENT_RESOURCES'],
      ['one that waits in a queue', { queue: 'held' }, 'QUEUED'],
      [
        'one that is initializing',
        { runtime: 'with-initializers-runtime', spec: INITIALIZERS, args: NEVER },
        'INITIALIZING',
      ],
    ] as [string, BedJob, string][])('%s', async (_, job, reason) => {
      const record = await start(job);
      await untilSeen(runner, record.name, says(reason));
      await runner.stop(record);
      await untilSeen(runner, record.name, isGone);
      await fixture.untilNoPods(record.name);
      expect(await runner.observe(record.name)).toEqual({ exists: false });
    });

    test('one that it never saw, by its record alone', async () => {
      const record = await start({ args: NEVER });
      const stranger = fixture.createRunner();
      await stranger.stop({ ...record, runId: undefined });
      await untilSeen(runner, record.name, isGone);
    });

    test('only what belongs to its record, whatever the record says of earlier runs', async () => {
      const record = await start({ args: NEVER });
      const stranger = fixture.createRunner();
      const earlier = '00000000-0000-4000-8000-000000000000';
      await stranger.stop({ ...record, uid: earlier, runId: earlier });
      const wanted = { runId: record.runId, isStopping: false };
      expect(await runner.observe(record.name)).toMatchObject(wanted);
      await stranger.stop({ ...record, runId: earlier });
      await untilSeen(runner, record.name, isGone);
    });

    test('one whose runtime was deleted meanwhile', async () => {
      const runtimes = `${TRAINER_API}/clustertrainingruntimes`;
      const nemo = await fixture.admin.call<{ spec: object }>({
        method: 'GET',
        path: `${runtimes}/nemo-runtime`,
      });
      const { spec } = nemo;
      await fixture.createClusterWide(runtimes, {
        apiVersion: 'trainer.kubeflow.org/v1alpha1',
        kind: 'ClusterTrainingRuntime',
        metadata: {
          name: 'passing-runtime',
          labels: { 'trainer.kubeflow.org/framework': 'torch' },
        },
        spec,
      });
      const record = await startWhenKnown('passing-runtime');
      await untilSeen(runner, record.name, says('RUNNING'));
      await fixture.admin.call({ method: 'DELETE', path: `${runtimes}/passing-runtime` });
      await runner.stop(record);
      await untilSeen(runner, record.name, isGone);
      await fixture.untilNoPods(record.name);
    });

    test('while no webhook of Trainer answers, when starting is only put off', async () => {
      const record = await start({ args: NEVER });
      await untilSeen(runner, record.name, says('RUNNING'));
      const mend = await breakWebhooks(fixture.admin);
      try {
        const { record: next, plan } = await fixture.createJob();
        await expect
          .poll(() => runner.start(next, plan).catch((error) => error), { timeout: 10_000 })
          .toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
        await runner.stop(record);
        await untilSeen(runner, record.name, isGone);
        await fixture.untilNoPods(record.name);
      } finally {
        await mend();
      }
    });

    /** Trainer learns of a new runtime by a watch of its own. */
    async function startWhenKnown(runtime: string) {
      const { record, plan } = await fixture.createJob({ runtime, args: NEVER });
      await expect
        .poll(() => runner.start(record, plan), { timeout: 10_000 })
        .toMatchObject({ outcome: 'started' });
      const { runId } = assertExists(runner.getCached(record.name));
      return { ...record, runId };
    }
  });

  describe('prepares', () => {
    const KIND = 'ClusterTrainingRuntime';
    const withRuntime = (name: string, kind = KIND) =>
      fixture.makeSpec(NEVER, {
        'extra_parameters.runtime_ref': { name, kind },
        'extra_parameters.model_uri': 'hf://some/model',
        'resources.max_duration_minutes': 10,
      });
    const manifestOf = async (spec: JobSpec) => {
      const { plan, warnings } = await runner.prepare(spec);
      expect(warnings).toEqual([]);
      return (plan as unknown as TrainJobPlan).manifest;
    };

    test('what the release of the cluster and the steps of its runtime can do', async () => {
      const { metadata, spec, apiVersion } = await manifestOf(
        withRuntime('with-initializers-runtime'),
      );
      expect(apiVersion).toBe('trainer.kubeflow.org/v1alpha1');
      expect(metadata.namespace).toBe(fixture.namespace);
      expect(spec).toMatchObject({
        activeDeadlineSeconds: 600,
        initializer: {
          dataset: { storageUri: 's3://bucket/data.jsonl' },
          model: { storageUri: 'hf://some/model' },
        },
      });
    });

    test('no steps of a runtime that does not exist, which is for admission to say', async () => {
      expect((await manifestOf(withRuntime('absent-runtime'))).spec).not.toHaveProperty(
        'initializer',
      );
      expect((await manifestOf(withRuntime('absent', 'TrainingRuntime'))).spec).not.toHaveProperty(
        'initializer',
      );
    });

    test('pods that say of which job they are', async () => {
      const spec = withRuntime('with-initializers-runtime');
      const record = await fixture.createRecord({ id: spec.jobId });
      const { plan } = await runner.prepare(spec);
      const { labels, annotations } = (plan as unknown as TrainJobPlan).manifest.metadata;
      const outcome = await runner.start(record, plan);
      expect(outcome).toMatchObject({ outcome: 'started' });
      const selected = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
      const query = { labelSelector: selected.join() };
      let pods: ReadonlyMap<string, { metadata: Record<string, unknown> }> = new Map();
      await fixture.untilAny<{ metadata: { name: string } }>(
        { path: fixture.core('pods'), query },
        (found) => {
          pods = found as typeof pods;
          return found.size > 0;
        },
      );
      for (const { metadata } of pods.values()) {
        expect(metadata.annotations).toMatchObject(annotations);
      }
      await runner.stop(record);
    });

    test('anew what was prepared for another release, and starts by that', async () => {
      const spec = withRuntime('nemo-runtime');
      const record = await fixture.createRecord({ id: spec.jobId });
      const { plan } = await runner.prepare(spec);
      const { manifest } = plan as unknown as TrainJobPlan;
      const old = { ...manifest, spec: { ...manifest.spec, podSpecOverrides: [] } };
      const outcome = await runner.start(record, { manifest: old, spec });
      expect(outcome).toMatchObject({ outcome: 'replanned', prepared: { plan: { manifest } } });
      if (outcome.outcome !== 'replanned') return;
      expect(await runner.start(record, outcome.prepared.plan)).toMatchObject({
        outcome: 'started',
      });
      await runner.stop(record);
    });
  });
});

/** Does what it is asked, and loses the first answer to a call of that method. */
function losingFirstAnswer(client: ApiClient, method: string): ApiClient {
  let isLost = false;
  return {
    call: async (request) => {
      const answer = await client.call(request);
      if (isLost || request.method !== method) return answer as never;
      isLost = true;
      throw new ApiError('no answer', {});
    },
    watch: (request) => client.watch(request),
    stream: (request) => client.stream(request),
    endpoint: () => client.endpoint(),
    close: async () => {},
  };
}

/** Points Trainer's webhooks to where nobody listens; returns how to mend them. */
async function breakWebhooks(admin: ApiClient): Promise<() => Promise<void>> {
  const root = '/apis/admissionregistration.k8s.io/v1';
  const contentType = 'application/json-patch+json';
  const mends: (() => Promise<unknown>)[] = [];
  for (const kind of ['validatingwebhookconfigurations', 'mutatingwebhookconfigurations']) {
    const { items } = await admin.call<{
      items: {
        metadata: { name: string };
        webhooks: { name: string; clientConfig: { url: string } }[];
      }[];
    }>({ method: 'GET', path: `${root}/${kind}` });
    for (const { metadata, webhooks } of items) {
      for (const [index, { name, clientConfig }] of webhooks.entries()) {
        if (!name.includes('trainjob')) continue;
        const patch = (value: string) =>
          admin.call({
            method: 'PATCH',
            path: `${root}/${kind}/${metadata.name}`,
            contentType,
            body: [{ op: 'replace', path: `/webhooks/${index}/clientConfig/url`, value }],
          });
        await patch('https://127.0.0.1:1/nobody');
        mends.push(() => patch(clientConfig.url));
      }
    }
  }
  if (mends.length === 0) throw new Error('Trainer has no webhook for TrainJobs');
  return async () => {
    for (const mend of mends) await mend();
  };
}
