import { pino } from 'pino';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type StartedJobs, startJobs } from '../../test/start-jobs.ts';
import { TrainerError } from '../errors.ts';
import type { StartOutcome } from '../jobs/job-runner.ts';

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

it('writes the record before it starts the run, and notes the run after the answer', async () => {
  const { view, isReplay } = await submit();
  expect(isReplay).toBe(false);
  expect(view).toMatchObject({ state: { status: 'submitted' }, record: { id: 'job-1' } });
  await jobs.close();
  expect(only().runId).toBe(`run-of-${view.record.uid}`);
  expect(runner.calls).toEqual([`start ${view.record.name}`]);
});

it('writes few notes at a time, so that they hold up no other submission', async () => {
  const ids = Array.from({ length: 10 }, (_, index) => `job-${index}`);
  ({ clock, store, jobs, submit } = startJobs({ maxJobs: ids.length }));
  const update = store.update.bind(store);
  const released = Promise.withResolvers<void>();
  const writing = vi.spyOn(store, 'update').mockImplementation(async (...args) => {
    await released.promise;
    return update(...args);
  });
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

it('leaves nothing of a job in whose way something of an earlier one is', async () => {
  runner.startOutcome = { outcome: 'obstructed', detail: 'A claim is in the way.' };
  await expect(submit()).rejects.toMatchObject({
    code: 'JOB_CONFLICT',
    message: 'A claim is in the way.',
  });
  expect(store.count()).toBe(0);
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
  ({ runner, jobs, submit, only } = startJobs({ logger }));
  const unforeseen = new Error('Unforeseen.');
  runner.failure = unforeseen;
  await submit();
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({
      msg: 'start failed, controller will retry',
      ...{ job_id: only().id, backend_job_id: only().name },
      err: expect.objectContaining({ message: 'Unforeseen.' }),
    }),
  ]);
  // An outage of the cluster is told by whoever talks to it, once for all.
  runner.failure = unreachable;
  await submit({ job_id: 'job-2' });
  expect(lines).toHaveLength(1);
  runner.failure = undefined;
  await submit();
  await jobs.close();
  lines.length = 0;
  runner.stop = () => Promise.reject(unforeseen);
  await jobs.cancel('job-1');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { msg: 'stop failed, controller will retry', job_id: 'job-1', backend_job_id: only().name },
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

it('refuses a job whose checkpoint cannot fit, and takes one whose can or may', async () => {
  await submit();
  const resume = (more: object, resume_from = 'job-1') =>
    submit({ extra_parameters: { resume_from }, ...more });
  await expect(
    resume({ job_id: 'job-2', customization: { method: 'full', trainable_layers: ['head'] } }),
  ).rejects.toMatchObject({
    code: 'INVALID_REQUEST',
    violations: [
      { path: 'customization.method' },
      { path: 'customization.rank' },
      { path: 'customization.target_modules' },
      { path: 'customization.trainable_layers' },
    ],
  });
  expect(store.count()).toBe(1);
  await resume({ job_id: 'job-3', tuning_parameters: { num_epochs: 9 } });
  const unknown = { job_id: 'job-4', customization: { method: 'full' } };
  await resume(unknown, 'a-job-elsewhere');
  // A repetition is answered as ever, whatever has become of the other job.
  const { isReplay } = await resume(unknown, 'a-job-elsewhere');
  expect(isReplay).toBe(true);
});

describe.each(['running', 'ended'])('a repetition of a job that is known as %s', (known) => {
  const forgotten = async () => {
    await submit();
    await jobs.close();
    const running = only();
    await jobs.cancel('job-1');
    const ended = only();
    await store.delete(ended);
    // This replica has not heard of it yet.
    const stale = known === 'running' ? running : ended;
    vi.spyOn(store, 'getCached').mockReturnValueOnce(stale);
    return stale;
  };

  it('makes a new one where it was forgotten on another replica', async () => {
    const { uid } = await forgotten();
    const { isReplay, view } = await submit();
    expect(isReplay).toBe(false);
    expect(view.record.uid).not.toBe(uid);
  });

  it('is no conflict either with what was forgotten', async () => {
    await forgotten();
    expect((await submit({ tuning_parameters: { num_epochs: 9 } })).isReplay).toBe(false);
  });

  it('is told as last seen while the store cannot be reached', async () => {
    const { uid } = await forgotten();
    vi.spyOn(store, 'getLive').mockRejectedValueOnce(unreachable);
    const { isReplay, view } = await submit();
    expect([isReplay, view.record.uid]).toEqual([true, uid]);
  });
});
