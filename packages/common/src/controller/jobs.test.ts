import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type StartedJobs, startJobs } from '../../test/start-jobs.ts';
import { TrainerError } from '../errors.ts';
import type { JobRecord } from '../jobs/job.ts';

const unreachable = new TrainerError('CLUSTER_UNAVAILABLE', 'Unreachable.');

let clock: StartedJobs['clock'];
let store: StartedJobs['store'];
let runner: StartedJobs['runner'];
let jobs: StartedJobs['jobs'];
let submit: StartedJobs['submit'];
let only: StartedJobs['only'];

beforeEach(() => {
  ({ clock, store, runner, jobs, submit, only } = startJobs());
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

it('tells which records are gone, and of no other change', async () => {
  const gone: string[] = [];
  const unwatch = jobs.watchGone((name) => gone.push(name));
  await submit();
  await jobs.cancel('job-1');
  expect(gone).toEqual([]);
  const { name } = only();
  await store.delete(only());
  expect(gone).toEqual([name]);
  unwatch();
});
