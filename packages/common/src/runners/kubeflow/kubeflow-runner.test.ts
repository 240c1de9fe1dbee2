import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Body, makeConfig, specify } from '../../../test/builders.ts';
import { FakeApiServer } from '../../../test/fake-api/fake-api-server.ts';
import { FakeTrainer, TRAINER_API } from '../../../test/fake-api/fake-trainer.ts';
import { FakeClock } from '../../../test/fake-clock.ts';
import {
  describeJobRunner,
  type PlayedOutcome,
  SUITE_SECRET,
} from '../../../test/job-runner-contract.ts';
import { makePod } from '../../../test/make-pod.ts';
import { makeRecord } from '../../../test/make-record.ts';
import { untilSeen } from '../../../test/until-seen.ts';
import { type Clock, systemClock } from '../../clock.ts';
import type { JobRecord } from '../../jobs/job.ts';
import type { PreparedJob } from '../../jobs/job-runner.ts';
import type { JobSpec } from '../../jobs/job-spec.ts';
import { createSoleLeadership, type Leadership } from '../../jobs/leadership.ts';
import type { Observation } from '../../jobs/observation.ts';
import { ApiError, type ApiRequest } from '../../kubernetes/api-client.ts';
import { BACKEND_LABEL } from '../../kubernetes/labels.ts';
import { KubeflowRunner } from './kubeflow-runner.ts';

const BACKEND = 'nemo';
const SECRETS = '/api/v1/namespaces/jobs/secrets';
const PODS = '/api/v1/namespaces/jobs/pods';
const LEADER = createSoleLeadership(systemClock);
const FOLLOWER: Leadership = { ...LEADER, isLeader: () => false };

let server: FakeApiServer;
let trainer: FakeTrainer;
let opened: KubeflowRunner[];

async function openRunner(
  leadership = FOLLOWER,
  clock: Clock = systemClock,
): Promise<KubeflowRunner> {
  const runner = new KubeflowRunner({
    ...{ client: server.connect(), clock, random: () => 0.5, backend: BACKEND, leadership },
    logger: pino({ level: 'silent' }),
    config: { ...makeConfig(), jobsNamespace: 'jobs' },
    findJobId: () => undefined,
  });
  opened.push(runner);
  await runner.open();
  return runner;
}

function setUp(): void {
  server = new FakeApiServer();
  trainer = new FakeTrainer(server, 'jobs', ['test-runtime']);
  opened = [];
}

function makeSpec(changes: Body = {}): JobSpec {
  return specify({ job_id: crypto.randomUUID(), ...changes }, { traits: { name: BACKEND } }).spec;
}

function createRecord({ jobId }: JobSpec): JobRecord {
  const record = makeRecord({ backend: BACKEND, id: jobId });
  const labels = { [BACKEND_LABEL]: BACKEND };
  const { metadata } = server.create(SECRETS, { metadata: { name: record.name, labels } });
  return { ...record, uid: metadata.uid };
}

describeJobRunner('KubeflowRunner', async () => {
  setUp();
  const [runner, specs] = [await openRunner(), new Map<string, PlayedOutcome>()];
  const names = new Map<string, PlayedOutcome>();
  return {
    runner,
    makeSpec: (outcome) => {
      const spec = makeSpec({ 'base_model.auth_token': SUITE_SECRET });
      specs.set(spec.jobId, outcome);
      return spec;
    },
    createRecord: async (spec) => {
      const record = createRecord(spec);
      names.set(record.name, specs.get(spec.jobId) ?? 'never');
      return record;
    },
    until: async (name, isWanted) => {
      let found: Observation | undefined;
      const seen = untilSeen(runner, name, isWanted).then((observation) => {
        found = observation;
      });
      while (found === undefined) {
        await nextTurn();
        if (found === undefined && trainer.get(name))
          trainer.step(name, names.get(name) ?? 'never');
      }
      await seen;
      return found;
    },
    close: () => runner.close(),
  };
});

/** Long enough for everything that waits for nothing but promises. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('KubeflowRunner', () => {
  beforeEach(setUp);
  afterEach(() => Promise.all(opened.map((runner) => runner.close())));

  async function prepare(runner: KubeflowRunner, changes: Body = {}) {
    const spec = makeSpec(changes);
    const { plan } = await runner.prepare(spec);
    const record = createRecord(spec);
    return { record, plan: JSON.parse(JSON.stringify(plan)) as PreparedJob['plan'] };
  }

  async function start(runner: KubeflowRunner, changes: Body = {}) {
    const { record, plan } = await prepare(runner, changes);
    const started = await runner.start(record, plan);
    if (started.outcome !== 'started') throw new Error(JSON.stringify(started));
    return { ...record, runId: started.runId };
  }

  /** Before the next request of this kind, `work` is done. */
  function justBefore(method: ApiRequest['method'], part: string, work: () => void): void {
    server.before = (request) => {
      if (request.method !== method || !request.path.includes(part)) return;
      server.before = () => {};
      work();
    };
  }

  it.each([
    ['leader', LEADER],
    ['follower', FOLLOWER],
  ])('as %s tells where a job stands in its queue, and writes no place', async (_, leadership) => {
    const queues = '/apis/visibility.kueue.x-k8s.io/v1beta2/namespaces/jobs/localqueues';
    const clock = new FakeClock();
    const runner = await openRunner(leadership, clock);
    const record = await start(runner, { 'extra_parameters.queue_name': 'training' });
    server.patch(trainer.path(record.name), {
      status: { conditions: [{ type: 'Suspended', status: 'True' }] },
    });
    const owned = { metadata: { ownerReferences: [{ kind: 'TrainJob', name: record.name }] } };
    server.documents.set(`${queues}/training/pendingworkloads`, {
      items: [{ ...owned, positionInLocalQueue: 2 }],
    });
    await untilSeen(runner, record.name, (seen) => seen.exists && seen.reason === 'QUEUED');
    await clock.advance(1000);
    await nextTurn();
    expect(runner.getCached(record.name)).toMatchObject({
      ...{ reason: 'QUEUED', hasLiveDetail: true },
      detail: 'Waiting in the queue training, as number 3 in it',
    });
  });

  it.each([
    ['leader', LEADER],
    ['follower', FOLLOWER],
  ])('as %s tells what a job lacks in its queue, once Kueue says so', async (_, leadership) => {
    const workloads = '/apis/kueue.x-k8s.io/v1beta2/namespaces/jobs/workloads';
    const runner = await openRunner(leadership);
    const { name, runId } = await start(runner, { 'extra_parameters.queue_name': 'training' });
    server.patch(trainer.path(name), {
      status: { conditions: [{ type: 'Suspended', status: 'True' }] },
    });
    const ownerReferences = [{ kind: 'TrainJob', name, uid: runId }];
    server.create(workloads, { metadata: { name: `trainjob-${name}-1`, ownerReferences } });
    const message = 'insufficient unused quota for nvidia.com/gpu in flavor a, 2 more needed';
    server.setStatus(`${workloads}/trainjob-${name}-1`, {
      conditions: [{ type: 'QuotaReserved', status: 'False', reason: 'Pending', message }],
    });
    const lacks = (seen: Observation) => seen.exists && seen.reason === 'WAITING_FOR_QUOTA';
    expect(await untilSeen(runner, name, lacks)).toMatchObject({
      ...{ status: 'submitted', isDiagnosed: true, hasLiveDetail: true },
      detail: `Waiting in the queue training: ${message}`,
    });
    server.setStatus(`${workloads}/trainjob-${name}-1`, {
      conditions: [{ type: 'QuotaReserved', status: 'True', reason: 'QuotaReserved' }],
    });
    const isAdmitted = (seen: Observation) => seen.exists && !seen.hasLiveDetail;
    expect(await untilSeen(runner, name, isAdmitted)).toMatchObject({ isDiagnosed: false });
  });

  describe('a start', () => {
    it('owns the TrainJob by its record, and nothing holds it', async () => {
      const record = await start(await openRunner());
      const { metadata } = trainer.get(record.name) ?? {};
      const owner = { apiVersion: 'v1', kind: 'Secret', name: record.name, uid: record.uid };
      expect(metadata?.ownerReferences).toEqual([owner]);
      expect(metadata).not.toHaveProperty('finalizers');
    });

    it('is made anew for a release that lacks one of its fields, which is not dropped', async () => {
      const runner = await openRunner();
      const { record, plan } = await prepare(runner, { 'resources.max_duration_minutes': 5 });
      trainer.installSchema(['runtimeRef', 'trainer', 'runtimePatches']);
      const result = await runner.start(record, plan);
      expect(result.outcome).toBe('replanned');
      expect(trainer.get(record.name)).toBeUndefined();
      if (result.outcome !== 'replanned') return;
      expect(await runner.start(record, result.prepared.plan)).toMatchObject({
        outcome: 'started',
      });
      expect(trainer.get(record.name)?.spec).not.toHaveProperty('activeDeadlineSeconds');
    });

    it('whose answer is lost is found again', async () => {
      const runner = await openRunner();
      const { record, plan } = await prepare(runner);
      server.after = ({ method }) => {
        if (method === 'POST') throw new ApiError('the connection was reset', {});
      };
      await expect(runner.start(record, plan)).rejects.toMatchObject({
        code: 'CLUSTER_UNAVAILABLE',
      });
      server.after = () => {};
      const runId = trainer.get(record.name)?.metadata.uid;
      expect(await runner.start(record, plan)).toEqual({ outcome: 'started', runId });
    });

    it('waits for an earlier TrainJob of the name that is on its way out', async () => {
      const runner = await openRunner();
      const first = await start(runner);
      const { plan } = await runner.prepare({ ...makeSpec(), jobId: first.id });
      server.patch(trainer.path(first.name), { metadata: { finalizers: ['test/hold'] } });
      await runner.stop(first);
      expect(runner.getCached(first.name)).toMatchObject({ isStopping: true });
      const second = { ...first, uid: 'another-record', runId: undefined };
      expect(await runner.start(second, plan)).toMatchObject({ outcome: 'later' });
      server.patch(trainer.path(first.name), { metadata: { finalizers: null } });
      await untilSeen(runner, first.name, ({ exists }) => !exists);
      expect(await runner.start(second, plan)).toMatchObject({ outcome: 'started' });
    });

    describe('with a runtime that claims volumes', () => {
      const CLAIMS = '/api/v1/namespaces/jobs/persistentvolumeclaims';
      const setRuntime = (whenDeleted: string) =>
        server.patch(`${TRAINER_API}/clustertrainingruntimes/test-runtime`, {
          spec: {
            template: {
              spec: {
                volumeClaimPolicies: [
                  {
                    templates: [{ metadata: { name: 'models' } }, { metadata: { name: 'logs' } }],
                    retentionPolicy: { whenDeleted },
                  },
                ],
              },
            },
          },
        });

      it('names the one that an earlier job left, and starts once it is gone', async () => {
        setRuntime('Retain');
        const runner = await openRunner();
        const { record, plan } = await prepare(runner);
        const claim = `logs-${record.name}`;
        server.create(CLAIMS, { metadata: { name: claim } });
        expect(await runner.start(record, plan)).toEqual({
          outcome: 'obstructed',
          detail: expect.stringContaining(claim),
        });
        expect(trainer.get(record.name)).toBeUndefined();
        server.delete(`${CLAIMS}/${claim}`);
        expect(await runner.start(record, plan)).toMatchObject({ outcome: 'started' });
      });

      it('is started once, though its own claim is there before the answer', async () => {
        setRuntime('Retain');
        const runner = await openRunner();
        const { record, plan } = await prepare(runner);
        const started = await runner.start(record, plan);
        server.create(CLAIMS, { metadata: { name: `models-${record.name}` } });
        expect(await runner.start(record, plan)).toEqual(started);
      });

      it('asks for no claims that go with their job', async () => {
        setRuntime('Delete');
        const runner = await openRunner();
        const { record, plan } = await prepare(runner);
        server.create(CLAIMS, { metadata: { name: `models-${record.name}` } });
        expect(await runner.start(record, plan)).toMatchObject({ outcome: 'started' });
      });

      it('leaves it to JobSet where our account may not read claims', async () => {
        setRuntime('Retain');
        const runner = await openRunner();
        const { record, plan } = await prepare(runner);
        server.before = ({ path }) => {
          if (path.startsWith(CLAIMS)) throw new ApiError('refused', { status: 403 });
        };
        expect(await runner.start(record, plan)).toMatchObject({ outcome: 'started' });
      });
    });

    it('that our account may not make is told so, without what it lacks', async () => {
      const runner = await openRunner();
      const { record, plan } = await prepare(runner);
      server.before = ({ method }) => {
        if (method !== 'POST') return;
        const serverMessage =
          'trainjobs is forbidden: User "x" cannot create resource "trainjobs" in API group "trainer.kubeflow.org" in the namespace "jobs"';
        throw new ApiError('refused', { status: 403, reason: 'Forbidden', serverMessage });
      };
      const result = await runner.start(record, plan);
      expect(result).toMatchObject({ outcome: 'forbidden' });
      expect(JSON.stringify(result)).not.toMatch(/User|trainjobs/);
    });
  });

  describe('a stop', () => {
    it("deletes no TrainJob of another record that has come in one's place meanwhile", async () => {
      const runner = await openRunner();
      const record = await start(runner);
      const { metadata: _, ...rest } = trainer.get(record.name) ?? {};
      justBefore('DELETE', '/trainjobs/', () => {
        server.delete(trainer.path(record.name));
        const metadata = { name: record.name, ownerReferences: [{ kind: 'Secret', uid: 'other' }] };
        server.create(`${TRAINER_API}/namespaces/jobs/trainjobs`, { ...rest, metadata });
      });
      await runner.stop(record);
      expect(trainer.get(record.name)?.metadata).toMatchObject({
        ownerReferences: [{ uid: 'other' }],
      });
      expect(trainer.get(record.name)?.metadata).not.toHaveProperty('deletionTimestamp');
    });

    it('finds a run that it never saw, by its record alone', async () => {
      const record = await start(await openRunner());
      const stranger = await openRunner();
      await stranger.close();
      await stranger.stop({ ...record, runId: undefined });
      expect(trainer.get(record.name)).toBeUndefined();
    });

    it('is not done because a server serves no TrainJobs at all', async () => {
      const runner = await openRunner();
      const record = await start(runner);
      server.before = () => {
        const serverMessage = 'the server could not find the requested resource';
        throw new ApiError('refused', { status: 404, reason: 'NotFound', serverMessage });
      };
      const unavailable = { code: 'CLUSTER_UNAVAILABLE' };
      await expect(runner.observe(record.name)).rejects.toMatchObject(unavailable);
      await expect(runner.stop(record)).rejects.toMatchObject(unavailable);
      expect(runner.getCached(record.name)).toMatchObject({ exists: true });
    });
  });

  describe('a failure', () => {
    const labelled = (name: string) => ({ 'jobset.sigs.k8s.io/jobset-name': name });

    function addFailedPod(name: string, message: string): void {
      const { status } = makePod().failed({ exitCode: 3, message }).obj();
      const metadata = { name: `${name}-node-0-0-abcde`, labels: labelled(name) };
      server.create(PODS, { metadata, status });
    }

    it('is no end for the leader before it is known why', async () => {
      const runner = await openRunner(LEADER);
      const record = await start(runner);
      const asked = Promise.withResolvers<void>();
      const answered = Promise.withResolvers<void>();
      server.before = async ({ path, query }) => {
        if (path !== PODS || query?.limit !== 500) return;
        asked.resolve();
        await answered.promise;
      };
      trainer.end(record.name, 'Failed', 'FailedJobs', 'jobset failed');
      await asked.promise;
      expect(runner.getCached(record.name)).toBeUndefined();
      answered.resolve();
      const seen = await untilSeen(runner, record.name, (shown) => shown.exists);
      expect(seen).toMatchObject({ status: 'failed', reason: 'TRAINING_FAILED' });
    });

    it('is explained by its pod, whichever of the two is told first', async () => {
      const runner = await openRunner(LEADER);
      const record = await start(runner);
      addFailedPod(record.name, 'loss is nan');
      trainer.end(record.name, 'Failed', 'FailedJobs', 'jobset failed');
      const wanted = {
        ...{ status: 'failed', reason: 'POD_FAILED' },
        ...{ detail: 'The container node failed with exit code 3', lastWords: 'loss is nan' },
      };
      const hasEnded = (shown: Observation) => shown.exists && shown.status === 'failed';
      expect(await untilSeen(runner, record.name, hasEnded)).toMatchObject(wanted);
      const follower = await openRunner();
      expect(await follower.observe(record.name)).toMatchObject(wanted);
    });

    it('of a deadline needs no pod to explain it', async () => {
      const runner = await openRunner(LEADER);
      const record = await start(runner);
      trainer.end(record.name, 'Failed', 'DeadlineExceeded');
      const hasEnded = (shown: Observation) => shown.exists && shown.status === 'failed';
      expect(await untilSeen(runner, record.name, hasEnded)).toMatchObject({
        reason: 'DEADLINE_EXCEEDED',
      });
      expect(server.requests.filter(({ query }) => query?.limit === 500)).toEqual([]);
    });
  });

  it('tells of an image only when it has been pulled for half a minute', async () => {
    const clock = new FakeClock();
    const runner = await openRunner(LEADER, clock);
    const record = await start(runner);
    const lastTransitionTime = new Date(clock.now()).toISOString();
    const ready = { type: 'PodReadyToStartContainers', status: 'True', lastTransitionTime };
    const { status } = makePod()
      .container({ waiting: { reason: 'ContainerCreating' } })
      .status({ conditions: [ready] })
      .obj();
    const labels = { 'jobset.sigs.k8s.io/jobset-name': record.name };
    server.create(PODS, { metadata: { name: `${record.name}-node-0-0-abcde`, labels }, status });
    await clock.advance(29_000);
    expect(runner.getCached(record.name)).not.toMatchObject({ reason: 'IMAGE_PULLING' });
    const seen = untilSeen(
      runner,
      record.name,
      (shown) => shown.exists && shown.reason === 'IMAGE_PULLING',
    );
    await clock.advance(1000);
    expect(await seen).toMatchObject({ status: 'submitted', isDiagnosed: true });
  });

  describe('a start that nobody saw', () => {
    const hasEnded = (shown: Observation) => shown.exists && shown.status === 'succeeded';

    it('is read from the pods by a leader that comes after the end, and so is the result', async () => {
      const record = await start(await openRunner());
      const pods = [10, 12, 11].map((second) => `2026-01-01T00:00:${second}Z`);
      for (const [index, startedAt] of pods.entries()) {
        const message = index === 1 ? '{"model_uri":"s3://b/out/model"}' : '{}';
        const { status } = makePod().failed({ exitCode: 0, startedAt, message }).obj();
        const name = `${record.name}-node-0-${index}-abcde`;
        const labels = { 'jobset.sigs.k8s.io/jobset-name': record.name };
        server.create(PODS, {
          metadata: { name, labels },
          status: { ...status, phase: 'Succeeded' },
        });
      }
      trainer.end(record.name, 'Complete', 'AllJobsCompleted');
      const leader = await openRunner(LEADER);
      expect(await untilSeen(leader, record.name, hasEnded)).toMatchObject({
        startedAtMs: Date.UTC(2026, 0, 1, 0, 0, 12),
        resultText: '{"model_uri":"s3://b/out/model"}',
      });
    });

    it('holds up no end where pods cannot be listed', async () => {
      const record = await start(await openRunner());
      trainer.end(record.name, 'Complete', 'AllJobsCompleted');
      server.before = ({ path }) => {
        if (path === PODS) throw new ApiError('refused', { status: 403, reason: 'Forbidden' });
      };
      const clock = new FakeClock();
      const leader = await openRunner(LEADER, clock);
      expect(leader.getCached(record.name)).toBeUndefined();
      await clock.advance(5000);
      expect(leader.getCached(record.name)).toMatchObject({ status: 'succeeded' });
    });
  });

  it('says nothing before its first list, and no absence while it is behind for long', async () => {
    server.before = () => {
      throw new ApiError('away', {});
    };
    const runner = await openRunner();
    expect(runner.getCached('nemo-absent')).toBeUndefined();
    expect(runner.notReadyReason()).toBe('The TrainJobs have not been listed yet.');
  });
});

describe('a plan', () => {
  const DRY_RUN = { fieldValidation: 'Strict', dryRun: 'All' };

  it('is shown to the cluster, and nothing is created', async () => {
    setUp();
    const runner = await openRunner();
    const { plan } = await runner.prepare(makeSpec());
    expect(await runner.admit(plan)).toEqual({
      outcome: { outcome: 'accepted' },
      notAsked: ['quota', 'pod security'],
    });
    expect(server.requests.at(-1)).toMatchObject({ method: 'POST', query: DRY_RUN });
    expect(server.list(`${TRAINER_API}/namespaces/jobs/trainjobs`)).toEqual([]);
  });

  it('is refused in the words of a start', async () => {
    setUp();
    const runner = await openRunner();
    const { plan } = await runner.prepare(makeSpec());
    const answer = (status: number, serverMessage: string) => {
      server.before = ({ query }) => {
        if (query?.dryRun) throw new ApiError('no', { status, reason: 'Invalid', serverMessage });
      };
      return runner.admit(plan);
    };
    const refused = await answer(422, 'trainjobs "x" is invalid: spec.runtimeRef: unknown');
    expect(refused.outcome.outcome).toBe('refused');
    const unable = await answer(400, 'admission webhook "w" does not support dry run');
    expect(unable.outcome).toMatchObject({ outcome: 'later' });
  });
});
