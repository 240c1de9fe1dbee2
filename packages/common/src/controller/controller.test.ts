import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeClock } from '../../test/fake-clock.ts';
import { FakeLeadership } from '../../test/fake-leadership.ts';
import { FakeRunner } from '../../test/fake-runner.ts';
import { makePlannedJob, makeRecord } from '../../test/make-record.ts';
import type { JobRecord, JobState } from '../jobs/job.ts';
import { MemoryJobStore } from '../jobs/memory-job-store.ts';
import type { Observation } from '../jobs/observation.ts';
import { Controller } from './controller.ts';

const SECOND = 1000;
const SETTINGS = {
  submitterGraceMs: 10 * SECOND,
  runTtlMs: 100 * SECOND,
  recordTtlMs: 500 * SECOND,
};

let clock: FakeClock;
let store: MemoryJobStore;
let runner: FakeRunner;
let leadership: FakeLeadership;
let controller: Controller;
/** What deliveries are told: `offer status`, `forget`, `take over`, `clear`. */
let told: string[];
let logged: string[];

beforeEach(() => {
  clock = new FakeClock();
  store = new MemoryJobStore();
  runner = new FakeRunner();
  leadership = new FakeLeadership();
  told = [];
  logged = [];
  controller = createController();
  controller.start();
});
afterEach(() => controller.close());

const createController = () =>
  new Controller({
    ...{ store, runner, leadership, clock, random: () => 0.5, settings: SETTINGS },
    deliveries: {
      takeOver: () => told.push('take over'),
      offer: ({ state }) => told.push(`offer ${state.status}`),
      forget: () => told.push('forget'),
      clear: () => told.push('clear'),
    },
    logger: pino({ level: 'warn' }, { write: (line: string) => logged.push(line) }),
  });

async function create(overrides: Partial<JobRecord> = {}): Promise<JobRecord> {
  const draft = makeRecord({ id: 'job-1', createdAtMs: clock.now(), ...overrides });
  const secrets = { HF_TOKEN: 'hf_0123456789' };
  const payload = { ...makePlannedJob(), callback: undefined, secrets };
  const created = await store.create(draft, payload);
  if (created.outcome !== 'created') throw new Error(created.outcome);
  return created.record;
}

/** A job whose run is noted and shows this. */
async function createRunning(overrides: Partial<JobRecord> = {}): Promise<JobRecord> {
  const seen = { status: 'running', reason: 'RUNNING', startedAtMs: clock.now() } as const;
  return createSeen(seen, overrides);
}

async function createSeen(
  seen: Parameters<typeof runner.show>[1],
  overrides: Partial<JobRecord> = {},
): Promise<JobRecord> {
  const record = await create(overrides);
  runner.show(record, seen);
  // As its submitter does.
  await store.update(now(record) as JobRecord, { runId: `run-of-${record.uid}` });
  await clock.advance(0);
  return record;
}

const now = ({ name }: JobRecord) => store.getCached(name);
const stateOf = (record: JobRecord) => now(record)?.state;
const endedState = (status: JobState['status'], reason: JobState['reason'], atMs: number) => ({
  ...{ status, reason, detail: 'The end', observedAtMs: atMs, startedAtMs: atMs, endedAtMs: atMs },
});

describe('a submission that its submitter left unfinished', () => {
  it('is finished once its submitter had its time', async () => {
    const record = await create();
    await clock.advance(9.9 * SECOND);
    expect(runner.calls).toEqual([]);
    await clock.advance(0.2 * SECOND);
    expect(runner.calls).toEqual([`start ${record.name}`]);
    expect(now(record)?.runId).toBe(`run-of-${record.uid}`);
    expect(told).toContain('offer submitted');
  });

  it('is noted after that time when its run turns up, and only then told to webhooks', async () => {
    const record = await create();
    await clock.advance(SECOND);
    expect(told).not.toContain('offer submitted');
    runner.show(record);
    await clock.advance(8 * SECOND);
    expect(now(record)?.runId).toBeUndefined();
    await clock.advance(SECOND);
    expect(now(record)?.runId).toBe(`run-of-${record.uid}`);
    expect(runner.calls).toEqual([]);
    expect(told).toContain('offer submitted');
  });

  it.each(['refused', 'obstructed'] as const)('ends when it is %s', async (outcome) => {
    runner.startOutcome = { outcome, detail: 'No such runtime' };
    const record = await create();
    await clock.advance(10 * SECOND);
    expect(stateOf(record)).toMatchObject({
      status: 'failed',
      reason: 'SUBMISSION_REFUSED',
      detail: 'No such runtime',
      endedAtMs: clock.now(),
    });
    expect(told).toContain('offer failed');
  });

  it.each([
    ['is closed to our account', () => ({ outcome: 'forbidden', detail: 'Refused' }) as const],
    ['cannot start yet', () => ({ outcome: 'later', detail: 'An old run is going away' }) as const],
    ['cannot be reached', () => undefined],
  ])('is tried again while its place %s', async (_, outcome) => {
    runner.startOutcome = outcome();
    if (runner.startOutcome === undefined) runner.failure = new Error('unreachable');
    const record = await create();
    await clock.advance(80 * SECOND);
    expect(runner.calls.length).toBeGreaterThan(2);
    runner.startOutcome = undefined;
    runner.failure = undefined;
    await clock.advance(40 * SECOND);
    expect(now(record)?.runId).toBe(`run-of-${record.uid}`);
  });
});

describe('a job that waits', () => {
  it('tells the newest finding of the same reason, every 10 s at most', async () => {
    const waits = { status: 'submitted', reason: 'INSUFFICIENT_RESOURCES' } as const;
    const finding = { ...waits, startedAtMs: undefined, isDiagnosed: true };
    const record = await createSeen({ ...finding, detail: 'No volume' });
    const observedAtMs = clock.now();
    runner.show(record, { ...finding, detail: 'No GPU' });
    await clock.advance(9 * SECOND);
    expect(stateOf(record)).toMatchObject({ ...waits, detail: 'No volume', observedAtMs });
    await clock.advance(SECOND);
    expect(stateOf(record)).toMatchObject({
      ...waits,
      detail: 'No GPU',
      observedAtMs: clock.now(),
    });
  });
});

describe('a start', () => {
  it('may read the credentials of the job, as long as there are any', async () => {
    const read: unknown[] = [];
    const start = runner.start.bind(runner);
    runner.start = async (record, plan, readSecrets) => {
      read.push(await readSecrets?.());
      vi.spyOn(store, 'readPayload').mockResolvedValueOnce(undefined);
      read.push(await readSecrets?.());
      return start(record, plan);
    };
    await create();
    await clock.advance(10 * SECOND);
    expect(read).toEqual([{ HF_TOKEN: 'hf_0123456789' }, undefined]);
  });

  it('by a plan that was made anew is made at once, and the plan is kept', async () => {
    const prepared = { plan: { anew: true }, echo: { anew: true }, warnings: ['less is possible'] };
    runner.startOutcome = { outcome: 'replanned', prepared };
    const plans: unknown[] = [];
    const start = runner.start.bind(runner);
    runner.start = async (record, plan) => {
      plans.push(plan);
      const outcome = await start(record, plan);
      runner.startOutcome = undefined;
      return outcome;
    };
    const record = await create();
    await clock.advance(10 * SECOND);
    expect(plans).toEqual([{}, { anew: true }]);
    expect(now(record)).toMatchObject({
      ...{ planRevision: 1, warnings: ['less is possible'], runId: `run-of-${record.uid}` },
    });
    expect(await store.readPlan(now(record) as JobRecord)).toMatchObject({ plan: { anew: true } });
  });

  it('is noted as it was answered, not only when the run turns up', async () => {
    runner.start = async ({ name }) => {
      runner.calls.push(`start ${name}`);
      return { outcome: 'started', runId: 'run-7' };
    };
    const record = await create();
    await clock.advance(10 * SECOND);
    expect(runner.calls).toEqual([`start ${record.name}`]);
    expect(runner.getCached(record.name)).toEqual({ exists: false });
    expect(now(record)).toMatchObject({ runId: 'run-7' });
  });

  it('of a record that another has taken the place of is not made', async () => {
    const record = await create();
    const other = { ...record, uid: 'other', runId: 'run-of-other' };
    vi.spyOn(store, 'readPlan').mockImplementation(async () => {
      runner.show(other, { status: 'running', reason: 'RUNNING' });
      vi.spyOn(store, 'getCached').mockReturnValue(other);
      return undefined;
    });
    vi.spyOn(store, 'getLive').mockResolvedValue(other);
    const update = vi.spyOn(store, 'update').mockResolvedValue(undefined);
    await clock.advance(11 * SECOND);
    expect(runner.calls).toEqual([]);
    expect(update.mock.calls.map(([{ uid }]) => uid)).not.toContain(record.uid);
  });

  it('that must wait is tried again a second later', async () => {
    runner.startOutcome = { outcome: 'later', detail: 'An old run is going away' };
    await create();
    await clock.advance(10 * SECOND);
    expect(runner.calls).toHaveLength(1);
    await clock.advance(0.9 * SECOND);
    expect(runner.calls).toHaveLength(1);
    await clock.advance(0.2 * SECOND);
    expect(runner.calls).toHaveLength(2);
  });

  it('that our account may not make is tried again every half a minute', async () => {
    runner.startOutcome = { outcome: 'forbidden', detail: 'Refused' };
    await create();
    await clock.advance(39 * SECOND);
    expect(runner.calls).toHaveLength(1);
    await clock.advance(2 * SECOND);
    expect(runner.calls).toHaveLength(2);
  });

  it('that fails is tried again ever later, and from the beginning after a success', async () => {
    const startedAtMs: number[] = [];
    const start = runner.start.bind(runner);
    runner.start = (record, plan) => {
      startedAtMs.push(clock.now());
      return start(record, plan);
    };
    const failing = async (record: JobRecord, seconds: number) => {
      runner.failure = new Error('unreachable');
      startedAtMs.length = 0;
      await clock.advance(seconds * SECOND);
      runner.failure = undefined;
      const from = record.createdAtMs;
      return startedAtMs.map((atMs) => (atMs - from) / SECOND);
    };
    const record = await create();
    expect(await failing(record, 70)).toEqual([10, 10.5, 11.5, 13.5, 17.5, 25.5, 41.5]);
    expect(logged.map((line) => JSON.parse(line))[0]).toMatchObject({
      ...{ msg: 'reconcile failed, retrying', retry_in_ms: 500 },
      ...{ job_id: 'job-1', backend_job_id: record.name },
    });
    await clock.advance(30 * SECOND);
    expect(now(record)?.runId).toBeDefined();
    // Its record is kept, so that what was counted of it could be left behind.
    runner.stop = async () => {
      throw new Error('unreachable');
    };
    const stops = vi.spyOn(runner, 'stop');
    const state = endedState('cancelled', 'CANCELLED_BY_REQUEST', clock.now());
    await store.update(now(record) as JobRecord, { state });
    await clock.advance(0.4 * SECOND);
    expect(stops).toHaveBeenCalledTimes(1);
    await clock.advance(0.2 * SECOND);
    expect(stops).toHaveBeenCalledTimes(2);
  });
});

describe('a run', () => {
  it('is followed at once, without writing what only moves on', async () => {
    const record = await createRunning();
    expect(stateOf(record)).toMatchObject({ status: 'running', startedAtMs: clock.now() });
    const { version } = now(record) as JobRecord;
    const progress = { percentage: 50, estimated_remaining_seconds: 1, metrics: {} };
    runner.show(record, { progress });
    await clock.advance(0);
    expect(now(record)?.version).toBe(version);
  });

  it('never takes a job back to submitted', async () => {
    const record = await createRunning();
    runner.show(record, { status: 'submitted', reason: 'QUEUED' });
    await clock.advance(0);
    expect(stateOf(record)?.status).toBe('running');
  });

  it('has one end, whatever it shows later', async () => {
    const record = await createRunning();
    runner.show(record, { status: 'succeeded', reason: 'COMPLETED', endedAtMs: clock.now() });
    await clock.advance(0);
    const end = stateOf(record);
    expect(end).toMatchObject({ status: 'succeeded', endedAtMs: clock.now() });
    runner.show(record, { status: 'failed', reason: 'TRAINING_FAILED' });
    await clock.advance(SECOND);
    expect(stateOf(record)).toEqual(end);
    expect(runner.calls).toEqual([]);
  });

  it.each(['POD_FAILED', 'TRAINING_FAILED'] as const)(
    'is quoted (%s) only without the credentials of its job',
    async (reason) => {
      const record = await createRunning();
      const lastWords = 'HF_TOKEN=hf_0123456789\nloss is nan';
      const status = reason === 'POD_FAILED' ? 'running' : 'failed';
      runner.show(record, { status, reason, detail: 'It fails', lastWords });
      await clock.advance(0);
      const detail = 'It fails: HF_TOKEN=[redacted] / loss is nan';
      expect(stateOf(record)).toMatchObject({ status, reason, detail });
    },
  );

  it('that only the cache has lost is quoted without credentials, too', async () => {
    const record = await createRunning();
    runner.stale.set(record.name, { exists: false });
    const end = { status: 'failed', reason: 'POD_FAILED', detail: 'It failed' } as const;
    runner.show(record, { ...end, lastWords: 'hf_0123456789 is wrong' });
    await clock.advance(10 * SECOND);
    expect(stateOf(record)).toMatchObject({ detail: 'It failed: [redacted] is wrong' });
  });

  it('that goes on after its end is stopped', async () => {
    const record = await createRunning();
    runner.show(record, { status: 'failed', reason: 'TRAINING_FAILED', endedAtMs: clock.now() });
    await clock.advance(0);
    runner.show(record, { status: 'running', reason: 'RUNNING' });
    await clock.advance(0);
    expect(runner.calls).toEqual([`stop ${record.name}`]);
    expect(stateOf(record)?.status).toBe('failed');
  });

  it('of a cancelled job is stopped until it is gone', async () => {
    const record = await createRunning();
    runner.failure = new Error('unreachable');
    const cancelled = endedState('cancelled', 'CANCELLED_BY_REQUEST', clock.now());
    await store.update(now(record) as JobRecord, { state: cancelled });
    await clock.advance(10 * SECOND);
    expect(runner.calls.length).toBeGreaterThan(1);
    runner.failure = undefined;
    await clock.advance(60 * SECOND);
    expect(runner.getCached(record.name)).toEqual({ exists: false });
    expect(stateOf(record)).toEqual(cancelled);
  });

  it('that someone deleted ends its job', async () => {
    const record = await createRunning();
    runner.remove(record.name);
    await clock.advance(0);
    expect(stateOf(record)).toMatchObject({ status: 'cancelled', reason: 'DELETED' });
  });

  it('that only the cache has lost ends nothing', async () => {
    const record = await createRunning();
    runner.stale.set(record.name, { exists: false });
    runner.announce(record.name);
    await clock.advance(10 * SECOND);
    expect(stateOf(record)?.status).toBe('running');
    runner.stale.clear();
    runner.show(record, { status: 'succeeded', reason: 'COMPLETED' });
    await clock.advance(0);
    expect(stateOf(record)?.status).toBe('succeeded');
  });

  it('that only the cache has lost keeps its own end', async () => {
    const record = await createRunning();
    runner.stale.set(record.name, { exists: false });
    runner.show(record, { status: 'succeeded', reason: 'COMPLETED', endedAtMs: clock.now() });
    await clock.advance(10 * SECOND);
    expect(stateOf(record)).toMatchObject({ status: 'succeeded', reason: 'COMPLETED' });
  });

  it('that only the cache has lost is looked at every second', async () => {
    const record = await createRunning();
    runner.stale.set(record.name, { exists: false });
    const observe = vi.spyOn(runner, 'observe');
    runner.announce(record.name);
    await clock.advance(0);
    expect(observe).toHaveBeenCalledTimes(1);
    await clock.advance(0.9 * SECOND);
    expect(observe).toHaveBeenCalledTimes(1);
    await clock.advance(0.2 * SECOND);
    expect(observe).toHaveBeenCalledTimes(2);
  });

  it('of which nothing is known yet is asked about again', async () => {
    runner.stale.set(makeRecord({ id: 'job-1' }).name, undefined);
    const record = await create({ runId: 'run-1' });
    await clock.advance(5 * SECOND);
    expect(stateOf(record)?.status).toBe('submitted');
    runner.stale.clear();
    await clock.advance(SECOND);
    expect(stateOf(record)).toMatchObject({ status: 'cancelled', reason: 'DELETED' });
  });
});

it('stops a run that came to be while its job was cancelled and forgotten', async () => {
  const record = await create();
  const start = runner.start.bind(runner);
  vi.spyOn(runner, 'start').mockImplementationOnce(async (...args) => {
    const cancelled = endedState('cancelled', 'CANCELLED_BY_REQUEST', clock.now());
    const ended = await store.update(now(record) as JobRecord, { state: cancelled });
    expect(await store.delete(ended as JobRecord)).toBe(true);
    return start(...args);
  });
  await clock.advance(10 * SECOND);
  expect(runner.calls).toEqual([`start ${record.name}`, `stop ${record.name}`]);
  expect(runner.getCached(record.name)).toEqual({ exists: false });
});

describe('expiry', () => {
  it('first ends the run and its credentials, then the record', async () => {
    const record = await createRunning({ areCredentialsGone: false });
    runner.show(record, { status: 'succeeded', reason: 'COMPLETED', endedAtMs: clock.now() });
    await clock.advance(99 * SECOND);
    expect(runner.calls).toEqual([]);
    await clock.advance(2 * SECOND);
    expect(runner.calls).toEqual([`stop ${record.name}`]);
    expect(now(record)).toMatchObject({ areCredentialsGone: true, state: { status: 'succeeded' } });
    await clock.advance(398 * SECOND);
    expect(now(record)).toBeDefined();
    await clock.advance(2 * SECOND);
    expect(now(record)).toBeUndefined();
    expect(told.at(-1)).toBe('forget');
    expect(clock.timerCount).toBe(0);
  });

  it('waits for the final callback', async () => {
    const { delivery } = makeRecord();
    const record = await createRunning({ delivery: { ...delivery, settled: undefined } });
    runner.show(record, { status: 'failed', reason: 'TRAINING_FAILED', endedAtMs: clock.now() });
    await clock.advance(5000 * SECOND);
    const kept = now(record) as JobRecord;
    expect(kept.state.status).toBe('failed');
    await store.update(kept, { delivery: { ...delivery, settled: 'delivered' } });
    await clock.advance(0);
    expect(now(record)).toBeUndefined();
  });
});

describe('leadership', () => {
  it('that is lost while a run is looked at latches nothing', async () => {
    const record = await createRunning();
    const seen = Promise.withResolvers<Observation>();
    runner.observe = () => seen.promise;
    runner.remove(record.name);
    await clock.advance(0);
    leadership.set(false);
    seen.resolve({ exists: false });
    await clock.advance(0);
    expect(stateOf(record)?.status).toBe('running');
  });

  it('that is lost while a plan is read starts nothing', async () => {
    const record = await create();
    const plan = await store.readPlan(record);
    const read = Promise.withResolvers<typeof plan>();
    vi.spyOn(store, 'readPlan').mockReturnValue(read.promise);
    await clock.advance(10 * SECOND);
    leadership.set(false);
    read.resolve(plan);
    await clock.advance(0);
    expect(runner.calls).toEqual([]);
  });

  it('is needed for anything', async () => {
    leadership.set(false);
    expect(told.at(-1)).toBe('clear');
    const record = await create();
    await clock.advance(60 * SECOND);
    expect(runner.calls).toEqual([]);
    leadership.set(true);
    expect(told.at(-1)).toBe('take over');
    await clock.advance(11 * SECOND);
    expect(runner.calls).toEqual([`start ${record.name}`]);
  });

  it('that is there at the start takes over, and any other does not', async () => {
    const offers = async (isLeader: boolean) => {
      await controller.close();
      leadership.set(isLeader);
      told.length = 0;
      controller = createController();
      controller.start();
      await clock.advance(0);
      return told;
    };
    await createRunning();
    expect(await offers(true)).toEqual(['take over', 'offer running']);
    expect(await offers(false)).toEqual([]);
  });

  it('that is lost takes with it what was waited for', async () => {
    const record = await create();
    await clock.advance(9 * SECOND);
    expect(clock.timerCount).toBe(1);
    leadership.set(false);
    expect(clock.timerCount).toBe(0);
    // The grace of its submitter begins anew, since this process saw nothing meanwhile.
    leadership.set(true);
    await clock.advance(9 * SECOND);
    expect(runner.calls).toEqual([]);
    await clock.advance(2 * SECOND);
    expect(runner.calls).toEqual([`start ${record.name}`]);
  });

  it('that is lost forgets what failed before, and what waits its turn', async () => {
    runner.failure = new Error('unreachable');
    await create();
    await clock.advance(40 * SECOND);
    leadership.set(false);
    await create({ id: 'waits' });
    leadership.set(true);
    leadership.set(false);
    await clock.advance(SECOND);
    expect(told.at(-1)).toBe('clear');
    expect(clock.timerCount).toBe(0);
    leadership.set(true);
    runner.calls.length = 0;
    await clock.advance(10.2 * SECOND);
    const first = runner.calls.length;
    await clock.advance(0.5 * SECOND);
    expect([first, runner.calls.length]).toEqual([2, 4]);
  });

  it('begins with the ends that nobody was told of', async () => {
    leadership.set(false);
    const { delivery } = makeRecord();
    const untold = { ...delivery, settled: undefined };
    for (let n = 0; n < 3; n += 1) await create({ id: `live-${n}`, runId: 'r', delivery: untold });
    const state = endedState('succeeded', 'COMPLETED', clock.now());
    await create({ id: 'ended', runId: 'r', state, delivery: untold });
    // Told already, so as urgent as any other.
    const failed = endedState('failed', 'TRAINING_FAILED', clock.now());
    await create({ id: 'told', runId: 'r', state: failed });
    told.length = 0;
    leadership.set(true);
    await clock.advance(0);
    expect(told.filter((call) => call.startsWith('offer')).slice(0, 5)).toEqual([
      'offer succeeded',
      ...Array.from({ length: 3 }, () => 'offer submitted'),
      'offer failed',
    ]);
  });
});

describe('a record that another replica has changed', () => {
  it('is looked at before it is tried again', async () => {
    const record = await createRunning();
    const known = now(record) as JobRecord;
    // What the watch of this replica has not told of yet.
    const cancelled = endedState('cancelled', 'CANCELLED_BY_REQUEST', clock.now());
    const changed = { ...known, version: '99', state: cancelled };
    let isBehind = true;
    vi.spyOn(store, 'getCached').mockImplementation(() => (isBehind ? known : changed));
    const update = vi.spyOn(store, 'update').mockResolvedValue(undefined);
    const read = vi.spyOn(store, 'getLive').mockImplementation(async () => {
      isBehind = false;
      return changed;
    });
    runner.show(record, { status: 'succeeded', reason: 'COMPLETED', endedAtMs: clock.now() });
    await clock.advance(0);
    expect(update).toHaveBeenCalledTimes(1);
    expect(read).toHaveBeenCalledTimes(1);
    expect(told.at(-1)).toBe('offer cancelled');
  });

  it('is left for a while when nothing comes of what is done with it', async () => {
    const record = await createRunning();
    const known = now(record) as JobRecord;
    vi.spyOn(store, 'getCached').mockReturnValue(known);
    const update = vi.spyOn(store, 'update').mockResolvedValue(undefined);
    runner.show(record, { status: 'succeeded', reason: 'COMPLETED', endedAtMs: clock.now() });
    await clock.advance(0);
    expect(update).toHaveBeenCalledTimes(16);
    await clock.advance(SECOND);
    expect(update).toHaveBeenCalledTimes(32);
  });

  it('and whose data is gone says so, and is not asked for again and again', async () => {
    const record = await create();
    const readPlan = vi.spyOn(store, 'readPlan').mockResolvedValue(undefined);
    await clock.advance(11 * SECOND);
    expect(stateOf(record)).toMatchObject({
      status: 'submitted',
      reason: 'RECORD_UNREADABLE',
      detail: 'The plan of this job cannot be read, so that it can only be cancelled',
    });
    readPlan.mockClear();
    await clock.advance(60 * SECOND);
    expect(readPlan).toHaveBeenCalledTimes(2);
    readPlan.mockRestore();
    await clock.advance(30 * SECOND);
    expect(runner.calls).toEqual([`start ${record.name}`]);
    runner.show(record, { status: 'submitted', reason: 'PENDING', detail: 'Waiting' });
    await clock.advance(0);
    expect(stateOf(record)).toMatchObject({ status: 'submitted', reason: 'PENDING' });
  });
});

describe('a record that this version cannot read', () => {
  const unreadable = ['format'];

  it('is left alone, and its webhook is told nothing', async () => {
    const record = await createRunning();
    await store.delete(now(record) as JobRecord);
    const other = await create({ runId: 'run', unreadable });
    told.length = 0;
    runner.show(other, { status: 'succeeded', reason: 'COMPLETED', runId: 'run' });
    await clock.advance(1000 * SECOND);
    expect(now(other)).toEqual(other);
    expect(runner.calls).toEqual([]);
    expect(told.filter((call) => call.startsWith('offer'))).toEqual([]);
  });

  it('has its run stopped once it is cancelled, and nothing else is done to it', async () => {
    const record = await create({ runId: 'run', unreadable, areCredentialsGone: false });
    runner.show(record, { status: 'running', reason: 'RUNNING', runId: 'run' });
    const state = endedState('cancelled', 'CANCELLED_BY_REQUEST', clock.now());
    const cancelled = await store.update(record, { state });
    await clock.advance(1000 * SECOND);
    expect(runner.calls).toEqual([`stop ${record.name}`]);
    expect(now(record)).toEqual(cancelled);
  });
});

it('does nothing more once it is closed', async () => {
  const record = await create();
  await controller.close();
  await controller.close();
  expect(clock.timerCount).toBe(0);
  runner.show(record);
  leadership.set(false);
  leadership.set(true);
  expect(told).toEqual(['take over']);
  await clock.advance(60 * SECOND);
  expect(now(record)).toEqual(record);
  expect(runner.calls).toEqual([]);
});
