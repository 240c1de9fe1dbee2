import { beforeEach, expect, it, vi } from 'vitest';
import { type StartedJobs, startJobs } from '../../test/start-jobs.ts';
import { NO_DELIVERY } from '../jobs/job.ts';

let clock: StartedJobs['clock'];
let store: StartedJobs['store'];
let runner: StartedJobs['runner'];
let jobs: StartedJobs['jobs'];
let submit: StartedJobs['submit'];
let only: StartedJobs['only'];

beforeEach(() => {
  ({ clock, store, runner, jobs, submit, only } = startJobs());
});

const callbacks = { webhook_url: 'https://hooks.example.com/job' };
const forget = (dropsCallback = false) => jobs.forget('job-1', { dropsCallback });

async function submitted(changes = {}) {
  await submit(changes);
  await jobs.close();
}

/** A job whose end is latched, with its run kept for people to look at. */
async function ended(changes = {}) {
  await submitted(changes);
  const end = { status: 'failed', reason: 'POD_FAILED', detail: 'It failed' } as const;
  const endedAtMs = clock.now();
  runner.show(only(), { ...end, endedAtMs });
  const state = { ...end, observedAtMs: endedAtMs, startedAtMs: undefined, endedAtMs };
  await store.update(only(), { state });
}

it('deletes an ended job and the run that is kept of it, so that its id is free', async () => {
  await ended();
  const { name, uid } = only();
  await forget();
  expect(store.count()).toBe(0);
  expect(runner.calls).toContain(`stop ${name}`);
  await expect(forget()).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  const { isReplay, view } = await submit();
  expect(isReplay).toBe(false);
  expect(view.record.uid).not.toBe(uid);
});

it.each([false, true])('keeps a job that has not ended, with force %s', async (force) => {
  await submitted();
  await expect(forget(force)).rejects.toMatchObject({
    code: 'JOB_NOT_ENDED',
    message: expect.stringContaining('/train/job-1/cancel'),
  });
  runner.show(only(), { status: 'succeeded', reason: 'COMPLETED' });
  // An end that is not latched is none.
  await expect(forget(force)).rejects.toMatchObject({ code: 'JOB_NOT_ENDED' });
  expect(store.count()).toBe(1);
});

it.each([
  ['goes on', { status: 'running', reason: 'RUNNING' }],
  ['is ending', { status: 'failed', reason: 'STOPPED', isStopping: true }],
] as const)('keeps a job whose run %s, with force too', async (_, seen) => {
  await submitted({ callbacks });
  runner.stop = async () => {};
  await jobs.cancel('job-1');
  runner.show(only(), seen);
  for (const force of [false, true]) {
    const code = force ? 'JOB_BEING_STOPPED' : 'CALLBACK_UNDELIVERED';
    await expect(forget(force)).rejects.toMatchObject({ code });
  }
  await store.update(only(), { delivery: { ...NO_DELIVERY, settled: 'delivered' } });
  const refused = { code: 'JOB_BEING_STOPPED', retryAfterSeconds: 2 };
  await expect(forget()).rejects.toMatchObject(refused);
  expect(store.count()).toBe(1);
  runner.remove(only().name);
  await forget();
  expect(store.count()).toBe(0);
});

it('looks at the run itself, not at what is known of it', async () => {
  await submitted();
  runner.stop = async () => {};
  await jobs.cancel('job-1');
  runner.stale.set(only().name, { exists: false });
  await expect(forget(true)).rejects.toMatchObject({ code: 'JOB_BEING_STOPPED' });
});

it('looks at the record itself, which another replica may have changed a moment ago', async () => {
  await submitted({ callbacks });
  const running = only();
  await jobs.cancel('job-1');
  await store.update(only(), { delivery: { ...NO_DELIVERY, settled: 'delivered' } });
  vi.spyOn(store, 'get').mockResolvedValueOnce(running);
  await forget();
  expect(store.count()).toBe(0);
});

it('keeps a job whose final callback nobody has taken, unless told otherwise', async () => {
  await ended({ callbacks });
  await expect(forget()).rejects.toMatchObject({
    code: 'CALLBACK_UNDELIVERED',
    message: expect.stringContaining('?force=true'),
  });
  await forget(true);
  expect(store.count()).toBe(0);
});

it.each(['delivered', 'gone', 'expired'] as const)(
  'takes a callback that is %s as settled',
  async (settled) => {
    await ended({ callbacks });
    await store.update(only(), { delivery: { ...NO_DELIVERY, settled } });
    await forget();
    expect(store.count()).toBe(0);
  },
);

it('keeps a job that somebody asks a replay for in the same moment', async () => {
  await ended({ callbacks });
  await store.update(only(), { delivery: { ...NO_DELIVERY, settled: 'delivered' } });
  const remove = store.delete.bind(store);
  vi.spyOn(store, 'delete').mockImplementationOnce(async (record) => {
    await jobs.replayCallback('job-1');
    return remove(record);
  });
  await expect(forget()).rejects.toMatchObject({ code: 'CALLBACK_UNDELIVERED' });
  expect(store.count()).toBe(1);
});

it('is no way to another job that took the id meanwhile', async () => {
  await ended();
  const old = only();
  const remove = store.delete.bind(store);
  vi.spyOn(store, 'delete').mockImplementationOnce(async (record) => {
    await remove(record);
    await submitted();
    return false;
  });
  await expect(forget()).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  expect(only().uid).not.toBe(old.uid);
});

it('forgets nothing while the place of its run cannot be asked', async () => {
  await ended();
  runner.failure = new Error('unreachable');
  await expect(forget(true)).rejects.toThrow('unreachable');
  expect(store.count()).toBe(1);
});
