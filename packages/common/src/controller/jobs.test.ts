import { pino } from 'pino';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeClock } from '../../test/fake-clock.ts';
import { FakeRunner } from '../../test/fake-runner.ts';
import { makeRequest, TestBackend } from '../../test/start-test-service.ts';
import { parseConfig } from '../config.ts';
import { TrainerError } from '../errors.ts';
import type { JobRecord } from '../jobs/job.ts';
import type { StartOutcome } from '../jobs/job-runner.ts';
import { MemoryJobStore } from '../jobs/memory-job-store.ts';
import { Jobs } from './jobs.ts';

const backend = new TestBackend();
const config = parseConfig(backend.defaults, {});
const unreachable = new TrainerError('CLUSTER_UNAVAILABLE', 'Unreachable.');

let clock: FakeClock;
let store: MemoryJobStore;
let runner: FakeRunner;
let jobs: Jobs;

beforeEach(() => {
  clock = new FakeClock();
  store = new MemoryJobStore();
  runner = new FakeRunner();
  jobs = createJobs({ maxJobs: 3 });
});

const createJobs = (limits: { readonly maxJobs: number }) =>
  new Jobs({
    ...{ store, runner, clock, ...limits },
    backend: backend.name,
    logger: pino({ level: 'silent' }),
  });
const prepare = (changes: Record<string, unknown> = {}) =>
  backend.prepare(makeRequest(changes), config);
const submit = (changes: Record<string, unknown> = {}) => jobs.submit(prepare(changes));
const only = () => [...store.list()][0] as JobRecord;

describe('submit', () => {
  it('writes the record before it starts the run, and notes the run after the answer', async () => {
    const { view, isReplay } = await submit();
    expect(isReplay).toBe(false);
    expect(view).toMatchObject({ state: { status: 'submitted' }, record: { id: 'job-1' } });
    await jobs.close();
    expect(only().runId).toBe(`run-of-${view.record.uid}`);
    expect(runner.calls).toEqual([`start ${view.record.name}`]);
  });

  it('writes few notes at a time, so that they hold up no other submission', async () => {
    const update = store.update.bind(store);
    const released = Promise.withResolvers<void>();
    const writing = vi.spyOn(store, 'update').mockImplementation(async (...args) => {
      await released.promise;
      return update(...args);
    });
    const ids = Array.from({ length: 10 }, (_, index) => `job-${index}`);
    jobs = createJobs({ maxJobs: ids.length });
    await Promise.all(ids.map((job_id) => submit({ job_id })));
    expect(writing).toHaveBeenCalledTimes(4);

    // Nothing else is left to be held up.
    const closed = jobs.close();
    await clock.advance(0);
    expect(writing).toHaveBeenCalledTimes(ids.length);
    released.resolve();
    await closed;
    expect([...store.list()].map(({ runId }) => runId)).not.toContain(undefined);
    expect(store.count()).toBe(ids.length);
  });

  it('accepts a job although its place cannot be reached: the record is the promise', async () => {
    runner.failure = unreachable;
    const { view } = await submit();
    expect(view.state.status).toBe('submitted');
    expect(only().runId).toBeUndefined();

    runner.failure = undefined;
    expect((await submit()).isReplay).toBe(true);
    await jobs.close();
    expect(only().runId).toBe(`run-of-${view.record.uid}`);
  });

  it('leaves nothing of a job that its place refuses', async () => {
    runner.startOutcome = { outcome: 'refused', detail: 'The quota is used up.' };
    await expect(submit()).rejects.toMatchObject({
      code: 'SUBMISSION_REFUSED',
      message: 'The quota is used up.',
    });
    expect(store.count()).toBe(0);
    runner.startOutcome = undefined;
    expect((await submit()).isReplay).toBe(false);
  });

  it('leaves nothing of a job that our own account may not start', async () => {
    runner.startOutcome = { outcome: 'forbidden', detail: 'The operator has to look into it.' };
    await expect(submit()).rejects.toMatchObject({
      code: 'CLUSTER_UNAVAILABLE',
      message: 'The operator has to look into it.',
      retryAfterSeconds: 30,
    });
    expect(store.count()).toBe(0);
  });

  it('refuses a repetition, too, that was under way when the job was refused', async () => {
    const outcomes: PromiseWithResolvers<StartOutcome>[] = [];
    runner.start = () => {
      const outcome = Promise.withResolvers<StartOutcome>();
      outcomes.push(outcome);
      return outcome.promise;
    };
    const refused = { code: 'SUBMISSION_REFUSED', message: 'The quota is used up.' };
    const first = expect(submit()).rejects.toMatchObject(refused);
    await clock.advance(0);
    const second = expect(submit()).rejects.toMatchObject(refused);
    await clock.advance(0);
    expect(outcomes).toHaveLength(2);
    for (const { resolve } of outcomes) {
      resolve({ outcome: 'refused', detail: 'The quota is used up.' });
      await clock.advance(0);
    }
    await Promise.all([first, second]);
    expect(store.count()).toBe(0);
  });

  it('creates a job anew whose record has just gone, though that is not known here yet', async () => {
    await submit();
    await jobs.close();
    const { runId: _, ...known } = only();
    await store.delete(only());
    vi.spyOn(store, 'getCached').mockReturnValueOnce({ ...known, runId: undefined });
    const { isReplay, view } = await submit();
    expect(isReplay).toBe(false);
    expect(view.record.uid).not.toBe(known.uid);
  });

  it('promises nothing when a refused job may or may not be forgotten', async () => {
    runner.startOutcome = { outcome: 'refused', detail: 'The quota is used up.' };
    vi.spyOn(store, 'delete').mockRejectedValueOnce(unreachable);
    await expect(submit()).rejects.toMatchObject({
      code: 'CLUSTER_UNAVAILABLE',
      message: 'The quota is used up. Try again to be sure.',
      retryAfterSeconds: 1,
    });
  });

  it('keeps what was prepared anew, and starts by that, when its place has changed', async () => {
    const prepared = { plan: { anew: true }, echo: { anew: true }, warnings: ['less is possible'] };
    const start = runner.start.bind(runner);
    const plans: unknown[] = [];
    runner.start = async (record, plan) => {
      plans.push(plan);
      return plans.length > 1 ? start(record, plan) : { outcome: 'replanned', prepared };
    };
    const { view, readPlan } = await submit();
    await jobs.close();
    expect(plans[1]).toEqual({ anew: true });
    expect(await readPlan()).toMatchObject({ plan: { anew: true }, echo: { anew: true } });
    expect(view.record).toMatchObject({ planRevision: 1, warnings: ['less is possible'] });
    expect(await store.readPlan(only())).toEqual(await readPlan());
    expect(only().runId).toBe(`run-of-${view.record.uid}`);
  });

  it('leaves a job whose place changes time and again to the controller', async () => {
    const prepared = { plan: {}, echo: {}, warnings: [] };
    const start = vi.spyOn(runner, 'start').mockResolvedValue({ outcome: 'replanned', prepared });
    const { view } = await submit();
    expect(view.state.status).toBe('submitted');
    expect(start).toHaveBeenCalledTimes(2);
    expect(store.count()).toBe(1);
  });

  it('hands the runner a way to read the credentials, and no credentials', async () => {
    let read: unknown;
    const start = runner.start.bind(runner);
    runner.start = async (record, plan, readSecrets) => {
      expect(JSON.stringify(plan)).not.toContain('hf_secret');
      read = await readSecrets?.();
      return start(record, plan);
    };
    runner.prepare = async () => ({ plan: {}, secrets: { OWN: 'x' }, warnings: [], echo: {} });
    await submit({ base_model: { provider: 'meta', model_name: 'm', auth_token: 'hf_secret' } });
    expect(read).toEqual({ HF_TOKEN: 'hf_secret', OWN: 'x' });
  });

  it('ends an accepted job that is refused when it is asked for again', async () => {
    runner.failure = unreachable;
    await submit();
    runner.failure = undefined;
    runner.startOutcome = { outcome: 'refused', detail: 'The quota is used up.' };
    const { isReplay, view } = await submit();
    expect(isReplay).toBe(true);
    expect(view.state).toMatchObject({ status: 'failed', reason: 'SUBMISSION_REFUSED' });
  });

  it('ends no accepted job because our own account may not start it now', async () => {
    runner.failure = unreachable;
    await submit();
    runner.failure = undefined;
    runner.startOutcome = { outcome: 'forbidden', detail: 'The operator has to look into it.' };
    await expect(submit()).rejects.toMatchObject({
      code: 'CLUSTER_UNAVAILABLE',
      message: 'The operator has to look into it.',
      retryAfterSeconds: 30,
    });
    expect(only()).toMatchObject({ runId: undefined, state: { status: 'submitted' } });
    runner.startOutcome = undefined;
    expect((await submit()).isReplay).toBe(true);
    await jobs.close();
    expect(only().runId).toBe(`run-of-${only().uid}`);
  });

  it('creates one job of many submissions at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => submit()));
    expect(answers.filter(({ isReplay }) => !isReplay)).toHaveLength(1);
    expect(store.count()).toBe(1);
    await jobs.close();
    expect(new Set(answers.map(({ view }) => view.record.uid)).size).toBe(1);
  });

  it('tells which fields differ from the first submission', async () => {
    await submit();
    await expect(submit({ resources: { gpus: 5 } })).rejects.toMatchObject({
      code: 'JOB_CONFLICT',
      violations: [{ path: 'resources.gpus' }],
    });
  });

  it('tells no difference when that of the first is not at hand any more', async () => {
    await submit();
    vi.spyOn(store, 'readPlan').mockResolvedValue(undefined);
    await expect(submit({ resources: { gpus: 5 } })).rejects.toMatchObject({
      code: 'JOB_CONFLICT',
      violations: [],
    });
    expect((await submit()).isReplay).toBe(true);
  });

  it('repeats no accepted job whose plan is gone, but starts it neither', async () => {
    runner.failure = unreachable;
    await submit();
    runner.failure = undefined;
    runner.calls.length = 0;
    vi.spyOn(store, 'readPlan').mockResolvedValue(undefined);
    expect((await submit()).isReplay).toBe(true);
    expect(runner.calls).toEqual([]);
  });

  it('refuses a name that something else has taken', async () => {
    const detail = 'The name of this job is taken by a Secret that is no record of this service.';
    vi.spyOn(store, 'create').mockResolvedValue({ outcome: 'taken', detail });
    await expect(submit()).rejects.toMatchObject({ code: 'JOB_CONFLICT', message: detail });
  });

  it('asks to try again where the first submission is deleted at that moment', async () => {
    await submit();
    await jobs.close();
    const { runId: _, ...rest } = only();
    const gone = { ...rest, runId: undefined };
    await store.delete(only());
    vi.spyOn(store, 'create').mockResolvedValue({ outcome: 'exists', record: gone });
    await expect(submit()).rejects.toMatchObject({
      message: 'A job of this job_id was just deleted; try again.',
    });
  });

  it('answers a refused job as accepted when others have changed its record meanwhile', async () => {
    runner.startOutcome = { outcome: 'refused', detail: 'The quota is used up.' };
    const remove = store.delete.bind(store);
    vi.spyOn(store, 'delete').mockImplementation(async (record) => {
      await store.update(record, {});
      return remove(record);
    });
    const { isReplay } = await submit();
    expect(isReplay).toBe(false);
    expect(store.count()).toBe(1);
  });

  it('leaves a job whose new plan could not be kept to the controller', async () => {
    const prepared = { plan: { anew: true }, echo: { anew: true }, warnings: [] };
    const start = vi.spyOn(runner, 'start').mockResolvedValue({ outcome: 'replanned', prepared });
    vi.spyOn(store, 'update').mockResolvedValue(undefined);
    const { readPlan } = await submit();
    expect(start).toHaveBeenCalledTimes(1);
    expect(await readPlan()).not.toMatchObject({ plan: { anew: true } });
  });

  it('hands out no credentials of a record that is gone', async () => {
    const read: unknown[] = [];
    const start = runner.start.bind(runner);
    runner.start = async (record, plan, readSecrets) => {
      vi.spyOn(store, 'readPayload').mockResolvedValueOnce(undefined);
      read.push(await readSecrets?.());
      return start(record, plan);
    };
    await submit();
    expect(read).toEqual([undefined]);
  });

  it('keeps a run that another replica has noted', async () => {
    const start = runner.start.bind(runner);
    runner.start = async (record, plan) => {
      const outcome = await start(record, plan);
      await store.update(record, { runId: 'noted-by-another' });
      return outcome;
    };
    await submit();
    await jobs.close();
    expect(only().runId).toBe('noted-by-another');
    expect(runner.calls).toEqual([`start ${only().name}`]);
  });

  it('stops a run whose record is gone', async () => {
    const start = runner.start.bind(runner);
    runner.start = async (record, plan) => {
      const outcome = await start(record, plan);
      await store.delete(record);
      return outcome;
    };
    const { view } = await submit();
    await jobs.close();
    expect(runner.calls).toEqual([`start ${view.record.name}`, `stop ${view.record.name}`]);
  });

  it('keeps a run that has ended by itself before it was noted', async () => {
    const start = runner.start.bind(runner);
    runner.start = async (record, plan) => {
      const outcome = await start(record, plan);
      const state = { ...record.state, status: 'succeeded' as const, endedAtMs: clock.now() };
      await store.update(record, { runId: `run-of-${record.uid}`, state });
      return outcome;
    };
    await submit();
    await jobs.close();
    expect(runner.calls).toEqual([`start ${only().name}`]);
  });

  it('notes in the record what is due later', async () => {
    runner.prepare = async () => ({ plan: {}, secrets: {}, warnings: ['by the runner'], echo: {} });
    await submit({ learing_rate: 1 });
    expect(only()).toMatchObject({
      ...{ hasWebhook: false, webhookOrigin: undefined, webhookAuth: 'none' },
      areCredentialsGone: true,
      delivery: { settled: 'unwanted' },
      warnings: [expect.stringContaining('learing_rate'), 'by the runner'],
    });
    runner.prepare = async () => ({ plan: {}, secrets: { A: 'x' }, warnings: [], echo: {} });
    const { view } = await submit({ job_id: 'with-credentials' });
    expect(view.record.areCredentialsGone).toBe(false);
  });

  it('logs what the controller does again, with the job and the cause', async () => {
    const lines: string[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => lines.push(line) });
    jobs = new Jobs({ store, runner, clock, logger, maxJobs: 3, backend: backend.name });
    runner.failure = unreachable;
    await submit();
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({
        msg: 'start failed, controller will retry',
        job: only().name,
        err: expect.objectContaining({ message: 'Unreachable.' }),
      }),
    ]);
    runner.failure = undefined;
    await submit();
    await jobs.close();
    lines.length = 0;
    runner.stop = () => Promise.reject(unreachable);
    await jobs.cancel('job-1');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { msg: 'stop failed, controller will retry', job: only().name },
    ]);
  });

  it('takes no more jobs than it may keep, but answers repetitions', async () => {
    for (const job_id of ['a', 'b', 'c']) await submit({ job_id });
    await expect(submit({ job_id: 'd' })).rejects.toMatchObject({
      code: 'TOO_MANY_JOBS',
      status: 503,
      retryAfterSeconds: expect.any(Number),
    });
    expect((await submit({ job_id: 'a' })).isReplay).toBe(true);
  });

  it('keeps webhook, credentials and what was asked apart', async () => {
    const callbacks = {
      webhook_url: 'https://a.test/hook?key=1',
      auth_header: 'Bearer x',
      event_filter: null,
    };
    const base_model = { provider: 'meta', model_name: 'm', auth_token: 'hf_secret' };
    await submit({ callbacks, base_model });
    const record = only();
    expect(record).toMatchObject({
      hasWebhook: true,
      webhookOrigin: 'https://a.test',
      delivery: { settled: undefined },
    });
    expect(JSON.stringify([record, await store.readPlan(record)])).not.toMatch(/hf_secret|Bearer/);
  });
});

describe('cancel', () => {
  it('latches the end before it stops the run', async () => {
    await submit();
    await jobs.close();
    const { detail, view } = await jobs.cancel('job-1');
    expect(detail).toBe('Job cancellation requested');
    expect(view.state).toMatchObject({ status: 'cancelled', endedAtMs: clock.now() });
    expect(runner.calls.at(-1)).toBe(`stop ${only().name}`);
  });

  it('holds although the run cannot be stopped now', async () => {
    await submit();
    await jobs.close();
    runner.stop = () => Promise.reject(unreachable);
    expect((await jobs.cancel('job-1')).view.state.status).toBe('cancelled');
    expect(only().state.status).toBe('cancelled');
  });

  it('keeps an end that the run has come to already, though nobody has noted it', async () => {
    await submit();
    await jobs.close();
    const { name } = only();
    runner.stale.set(name, runner.getCached(name));
    runner.show(only(), { status: 'succeeded', reason: 'COMPLETED', endedAtMs: clock.now() });
    const { detail, view } = await jobs.cancel('job-1');
    expect(detail).toBe('Job already succeeded');
    expect(view.state).toMatchObject({ status: 'succeeded', reason: 'COMPLETED' });
    expect(runner.calls).not.toContain(`stop ${name}`);
  });

  it('quotes the end that it finds only without the credentials of the job', async () => {
    await submit({
      base_model: { provider: 'meta', model_name: 'm', huggingface_token: 'hf_0123456789' },
    });
    await jobs.close();
    const end = { status: 'failed', reason: 'POD_FAILED', detail: 'It failed' } as const;
    runner.show(only(), { ...end, lastWords: 'HF_TOKEN=hf_0123456789' });
    const { view: before } = await jobs.get('job-1');
    expect(JSON.stringify(before)).not.toContain('hf_0123456789');
    const { view } = await jobs.cancel('job-1');
    expect(view.state).toMatchObject({ ...end, detail: 'It failed: HF_TOKEN=[redacted]' });
  });

  it('leaves an end that is written as it is', async () => {
    await submit();
    await jobs.close();
    await jobs.cancel('job-1');
    const { version } = only();
    await clock.advance(1000);
    const { detail, view } = await jobs.cancel('job-1');
    expect(detail).toBe('Job already cancelled');
    expect(view.state).toMatchObject({ status: 'cancelled', reason: 'CANCELLED_BY_REQUEST' });
    expect(only().version).toBe(version);
    expect(runner.calls.filter((call) => call.startsWith('stop'))).toHaveLength(1);
  });

  it('finds no job that is deleted at that moment', async () => {
    await submit();
    await jobs.close();
    const observe = runner.observe.bind(runner);
    runner.observe = async (name) => {
      await store.delete(only());
      return observe(name);
    };
    await expect(jobs.cancel('job-1')).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  });

  it('promises nothing when the run cannot be looked at', async () => {
    await submit();
    await jobs.close();
    runner.failure = unreachable;
    await expect(jobs.cancel('job-1')).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
    expect(only().state.status).toBe('submitted');
  });

  it('stops a run that turns up after it', async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const start = runner.start.bind(runner);
    runner.start = async (record, plan) => {
      const outcome = await start(record, plan);
      await gate;
      return outcome;
    };
    const submitting = submit();
    await clock.advance(0);
    await jobs.cancel('job-1');
    runner.show(only());
    open();
    await submitting;
    await jobs.close();
    expect(runner.getCached(only().name)).toEqual({ exists: false });
    expect(only().state.status).toBe('cancelled');
  });

  it('gives up, asking to try again, when others write for ever', async () => {
    await submit();
    await jobs.close();
    const update = store.update.bind(store);
    store.update = async (record, change) => {
      await update(record, {});
      return update(record, change);
    };
    await expect(jobs.cancel('job-1')).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
  });
});

describe('a record that cannot be read', () => {
  async function damage(unreadable: readonly string[]) {
    await submit();
    await jobs.close();
    const read = store.getCached.bind(store);
    const state = { ...only().state, reason: 'RECORD_UNREADABLE' as const };
    const spoil = (record: JobRecord | undefined) =>
      record?.state.status === 'submitted'
        ? { ...record, id: record.name, unreadable, state }
        : record;
    vi.spyOn(store, 'getCached').mockImplementation((name) => spoil(read(name)));
    vi.spyOn(store, 'get').mockImplementation(async (name) => spoil(read(name)));
  }

  it('is a job under its id, which can be cancelled, and its run is stopped with it', async () => {
    await damage(['job-id', 'delivery']);
    const { view } = await jobs.get('job-1');
    expect(view.record.id).toBe('job-1');
    expect(view.state).toMatchObject({ status: 'submitted', reason: 'RECORD_UNREADABLE' });
    const update = vi.spyOn(store, 'update');
    const { view: cancelled } = await jobs.cancel('job-1');
    expect(cancelled.record.id).toBe('job-1');
    expect(cancelled.state.status).toBe('cancelled');
    // Its delivery can be read from then on, so that the end is told.
    expect(update.mock.lastCall?.[1]).toMatchObject({ delivery: { settled: 'unwanted' } });
    expect(runner.calls.at(-1)).toBe(`stop ${view.record.name}`);
  });

  it('is not started by a repetition', async () => {
    runner.failure = unreachable;
    await damage(['format']);
    runner.failure = undefined;
    runner.calls.length = 0;
    expect((await submit()).isReplay).toBe(true);
    expect(runner.calls).toEqual([]);
  });
});

describe('get, while nobody leads', () => {
  it('tells a run that has ended as running, at one time however often it is asked', async () => {
    await submit();
    await jobs.close();
    const startedAtMs = clock.now();
    runner.show(only(), { status: 'succeeded', reason: 'COMPLETED', startedAtMs });
    const first = (await jobs.get('job-1')).view.state;
    expect(first).toMatchObject({ status: 'running', startedAtMs });
    await clock.advance(5000);
    expect((await jobs.get('job-1')).view.state).toEqual(first);
    expect(only().state.status).toBe('submitted');
  });

  it('tells a reason that is not written yet with the time at which it was first told', async () => {
    await submit();
    await jobs.close();
    runner.show(only(), { reason: 'QUEUED', detail: 'Waits in a queue' });
    const first = (await jobs.get('job-1')).view.state;
    expect(first.reason).toBe('QUEUED');
    await clock.advance(5000);
    expect((await jobs.get('job-1')).view.state).toEqual(first);
  });

  it('keeps a start that was only seen when the job is cancelled', async () => {
    await submit();
    await jobs.close();
    const startedAtMs = clock.now();
    runner.show(only(), { status: 'running', reason: 'RUNNING', startedAtMs });
    await clock.advance(5000);
    await jobs.cancel('job-1');
    expect(only().state).toMatchObject({ status: 'cancelled', startedAtMs });
  });
});

describe('what may lack changes', () => {
  const behind = (ms: number) => vi.spyOn(store, 'behindForMs').mockReturnValue(ms);

  beforeEach(async () => {
    await submit();
    await jobs.close();
  });

  it('is told as it is for half a minute, then with the time since when', async () => {
    behind(30_000);
    expect((await jobs.get('job-1')).staleSinceMs).toBeUndefined();
    behind(30_001);
    expect((await jobs.get('job-1')).staleSinceMs).toBe(clock.now() - 30_001);
    // Nothing is known of a time before the first complete list.
    behind(Number.POSITIVE_INFINITY);
    expect((await jobs.get('job-1')).staleSinceMs).toBeUndefined();
  });

  it('is told without what was submitted where that is out of reach', async () => {
    const read = vi.spyOn(store, 'readPlan').mockRejectedValue(unreachable);
    const fresh = await jobs.get('job-1');
    await expect(fresh.readPlan()).rejects.toBe(unreachable);
    behind(60_000);
    const stale = await jobs.get('job-1');
    expect(await stale.readPlan()).toBeUndefined();
    for (const failure of [new Error('a fault'), new TrainerError('JOB_CONFLICT', 'Another.')]) {
      read.mockRejectedValue(failure);
      await expect(stale.readPlan()).rejects.toBe(failure);
    }
    read.mockRestore();
    expect(await stale.readPlan()).toMatchObject({ plan: { jobId: 'job-1' } });
    expect(await fresh.readPlan()).toMatchObject({ plan: { jobId: 'job-1' } });
  });

  it('proves no absence', async () => {
    behind(60_000);
    await expect(jobs.get('nobody')).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
  });

  it('keeps apart what jobs and their states were first told', async () => {
    await submit({ job_id: 'job-2' });
    await jobs.close();
    const [one, two] = [...store.list()] as [JobRecord, JobRecord];
    const stateOf = async (id: string) => (await jobs.get(id)).view.state.observedAtMs;
    const queued = { reason: 'QUEUED', detail: 'Waits in a queue' } as const;
    runner.show(one, queued);
    const firstMs = await stateOf('job-1');
    await clock.advance(1000);
    runner.show(two, queued);
    expect(await stateOf('job-2')).toBe(firstMs + 1000);
    await clock.advance(1000);
    runner.show(one, { reason: 'PENDING', detail: 'Waits for a node' });
    expect(await stateOf('job-1')).toBe(firstMs + 2000);
    await clock.advance(1000);
    expect(await stateOf('job-1')).toBe(firstMs + 2000);
  });

  it('is not told of the record that had the name before', async () => {
    const before = only();
    await store.delete(before);
    await submit();
    await jobs.close();
    vi.spyOn(store, 'get').mockResolvedValue(before);
    expect((await jobs.get('job-1')).view.record.uid).toBe(before.uid);
    await store.delete(only());
    expect((await jobs.get('job-1')).view.record.uid).toBe(before.uid);
  });
});

describe('a callback', () => {
  const callbacks = { webhook_url: 'https://studio.example/hook' };

  async function end(webhook: Record<string, unknown>) {
    await submit({ callbacks: webhook });
    await jobs.close();
    const delivery = { ...only().delivery, settled: 'delivered' as const };
    const state = { ...only().state, status: 'failed' as const, endedAtMs: clock.now() };
    const ended = (await store.update(only(), { delivery, state })) as JobRecord;
    return (await store.purgeCredentials(ended)) as JobRecord;
  }

  it('is not sent again once its auth_header was deleted', async () => {
    await end({ ...callbacks, auth_header: 'Bearer hook' });
    await expect(jobs.replayCallback('job-1')).rejects.toMatchObject({
      ...{ code: 'REPLAY_REFUSED', status: 409 },
      message:
        'The auth_header of job job-1 was deleted with its credentials, so nothing can be sent again.',
    });
    expect(only().delivery.settled).toBe('delivered');
  });

  it('is sent again when it never had one, and its attempts are kept', async () => {
    const { webhookAuth } = await end(callbacks);
    expect(webhookAuth).toBe('none');
    const attempts = [{ atMs: 1, durationMs: 2, status: 500, error: undefined }];
    const delivery = { ...only().delivery, attempts, attemptCount: 9, nextAttemptAtMs: 7 };
    await store.update(only(), { delivery });
    expect((await jobs.replayCallback('job-1')).delivery).toEqual({
      ...{ settled: undefined, attempts, attemptCount: 0, nextAttemptAtMs: undefined },
      replayedAtMs: clock.now(),
    });
  });

  it('is not sent again where there was none, or where the job has just gone', async () => {
    await submit();
    await jobs.close();
    await expect(jobs.replayCallback('job-1')).rejects.toMatchObject({
      ...{ code: 'REPLAY_REFUSED', status: 409 },
    });
    await submit({ job_id: 'job-2', callbacks });
    await jobs.close();
    vi.spyOn(store, 'update').mockResolvedValue(undefined);
    vi.spyOn(store, 'getLive').mockResolvedValue(undefined);
    await expect(jobs.replayCallback('job-2')).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  });
});

it('says of an unknown job that it is unknown, whatever is asked', async () => {
  const unknown = { code: 'JOB_NOT_FOUND', message: 'No job nobody is known to this service.' };
  await expect(jobs.get('nobody')).rejects.toMatchObject(unknown);
  await expect(jobs.cancel('nobody')).rejects.toMatchObject(unknown);
  await expect(jobs.replayCallback('nobody')).rejects.toMatchObject(unknown);
});
