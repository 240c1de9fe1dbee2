import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobPayload, JobRecord, JobState } from '../src/jobs/job.ts';
import type { JobStore } from '../src/jobs/job-store.ts';
import { isStale } from '../src/jobs/staleness.ts';
import { eventually } from './eventually.ts';
import { makeDraft, makePayload } from './make-draft.ts';

export interface StoreUnderTest {
  /** Opened. */
  readonly store: JobStore;
  /** Another replica's view of the same records, opened; the store itself where there is no such. */
  readonly replica: JobStore;
  close(): Promise<void>;
}

/** The history of a record that the system has just made. */
const FIRST = { asked: 0, job: 1, trainer: 0, delivery: 0 };

/** What every JobStore must do; run by each implementation's own test file. */
export function describeJobStore(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the contract of a JobStore`, () => {
    let made: StoreUnderTest;
    let store: JobStore;
    let replica: JobStore;
    let id: string;

    beforeEach(async () => {
      made = await make();
      ({ store, replica } = made);
      id = randomUUID();
    });
    afterEach(() => made.close());

    const create = async (of = store): Promise<JobRecord> => {
      const created = await of.create(makeDraft(id), makePayload());
      if (created.outcome !== 'created') throw new Error(`the job is ${created.outcome}`);
      return created.record;
    };
    const toRunning = ({ state }: JobRecord): JobState => {
      return { ...state, status: 'running', reason: 'RUNNING', startedAtMs: 5 };
    };

    it('creates a record as drafted and finds it again', async () => {
      const record = await create();
      const { uid, version, history, ...draft } = record;
      expect(draft).toStrictEqual(makeDraft(id));
      expect(history).toStrictEqual(FIRST);
      expect(uid).not.toBe('');
      expect(version).not.toBe('');
      expect(store.getCached(record.name)).toStrictEqual(record);
      expect(await store.get(record.name)).toStrictEqual(record);
      expect(await store.getLive(record.name)).toStrictEqual(record);
      expect(await replica.get(record.name)).toStrictEqual(record);
      expect([...store.list()]).toContainEqual(record);
    });

    it('keeps what cannot be read back as text easily', async () => {
      const odd = '\u0000"\\\n\ud800 日本 \u{1f680} $(x) </script>';
      const draft = makeDraft(id, {
        warnings: [odd, ''],
        runId: 'run',
        state: { ...makeDraft(id).state, detail: odd, endedAtMs: 0 },
      });
      const asked = { first: { [odd]: [null, odd, 1.5e300] }, second: { [odd]: odd } };
      const secrets = { A: '', _b: ' \n\u0000', 'asked.json': '{}' };
      const created = await store.create(draft, makePayload({ asked, secrets }));
      if (created.outcome !== 'created') throw new Error(created.outcome);
      expect(await replica.getLive(draft.name)).toStrictEqual(created.record);
      expect(created.record).toMatchObject(draft);
      const payload = await replica.readPayload(created.record);
      expect(payload).toStrictEqual(makePayload({ asked, secrets }));
    });

    it('knows nothing of a job that does not exist, and does not remember that', async () => {
      const { name } = makeDraft(id);
      expect(await replica.get(name)).toBeUndefined();
      expect(await replica.getLive(name)).toBeUndefined();
      expect(replica.getCached(name)).toBeUndefined();
      const record = await create();
      expect(await replica.get(name)).toStrictEqual(record);
    });

    it('keeps what a training reports, and its result whole and in small', async () => {
      const record = await create();
      expect(await store.readAttachment(record, 'result')).toBeUndefined();
      const reported = {
        attempt: 2,
        phase: 'saving' as const,
        checkpoints: [{ step: 3, uri: 's3://b/o/checkpoint-3', savedAtMs: 5 }],
        warnings: ['few rows'],
      };
      const result = { model_uri: 's3://b/o/model' };
      const whole = { ...result, files: { a: [1, null, 'x'] } };
      const stopAtMs = 1_700_000_000_456;
      const change = { reported, result, stopAtMs };
      const updated = await store.update(record, {
        ...change,
        attachments: { result: whole },
      });
      expect(updated).toStrictEqual({
        ...record,
        ...change,
        history: { ...FIRST, trainer: 3 },
        version: updated?.version,
      });
      expect(await replica.getLive(record.name)).toStrictEqual(updated);
      expect(await replica.readAttachment(record, 'result')).toStrictEqual(whole);
      expect(await store.readPayload(record)).toStrictEqual(makePayload());
      expect(await store.readAttachment({ ...record, uid: 'another' }, 'result')).toBeUndefined();
      const purged = await store.purgeCredentials(updated ?? record);
      expect(purged).toMatchObject({ reported, result });
      expect(await store.readAttachment(record, 'result')).toStrictEqual(whole);
    });

    it('changes where callbacks go, and nothing else', async () => {
      const record = await create();
      const target = { webhookUrl: 'https://new.test/x', authHeader: 'Bearer new' };
      const fields = {
        ...{ hasWebhook: true, webhookOrigin: 'https://new.test', callbackRevision: 1 },
        webhookAuth: 'kept' as const,
      };
      const callback = { target: { ...target, eventFilter: ['running' as const] } };
      const changed = await store.update(record, { ...fields, callback });
      const history = { ...FIRST, job: 2 };
      expect(changed).toStrictEqual({ ...record, ...fields, history, version: changed?.version });
      expect(await replica.getLive(record.name)).toStrictEqual(changed);
      expect(await replica.readPayload(record)).toStrictEqual(
        makePayload({ callback: callback.target }),
      );
      // Who knows an older version changes nothing.
      expect(await replica.update(record, { callback: { target: undefined } })).toBeUndefined();
      const without = await store.update(changed ?? record, {
        ...{
          hasWebhook: false,
          webhookOrigin: undefined,
          webhookAuth: 'none',
          callbackRevision: 2,
        },
        callback: { target: undefined },
      });
      expect(await replica.getLive(record.name)).toStrictEqual(without);
      expect(without).toMatchObject({ hasWebhook: false, callbackRevision: 2 });
      expect(without?.webhookOrigin).toBeUndefined();
      expect((await replica.readPayload(record))?.callback).toBeUndefined();
    });

    it('keeps a history of what happened and who had it done, for every replica', async () => {
      const ops = { type: 'token', name: 'ops' } as const;
      const created = await store.create(makeDraft(id), makePayload(), ops);
      if (created.outcome !== 'created') throw new Error(created.outcome);
      const { record } = created;
      const running = await store.update(record, { state: toRunning(record) });
      const noted = await store.update(running ?? record, { runId: 'run' });
      expect(noted?.history).toStrictEqual({ asked: 1, job: 1, trainer: 0, delivery: 0 });
      // Who was overtaken adds nothing.
      expect(await replica.update(record, { state: toRunning(record) })).toBeUndefined();
      const cancelled = {
        ...toRunning(record),
        status: 'cancelled',
        reason: 'CANCELLED_BY_REQUEST',
      } as const;
      const ended = await store.update(noted ?? record, { state: cancelled, by: ops });
      if (ended === undefined) throw new Error('not updated');
      await store.purgeCredentials(ended);
      for (const each of [store, replica]) {
        expect(await each.readEvents(ended)).toMatchObject([
          { id: 1, type: 'job.state', data: { status: 'submitted' }, actor: ops },
          { id: 2, type: 'job.state', data: { status: 'running' }, actor: { type: 'system' } },
          { id: 3, type: 'job.state', data: { status: 'cancelled' }, actor: ops },
        ]);
      }
      expect(await store.readEvents({ ...record, uid: 'another' })).toStrictEqual([]);
    });

    it('keeps of a rerun whose it is, and has both histories tell of it', async () => {
      const ops = { type: 'token', name: 'ops' } as const;
      const parent = await create();
      const rerunOf = { jobId: id, from: 'checkpoint', fingerprint: 'f'.repeat(43) } as const;
      const draft = makeDraft(`${id}-r2`, { rerunOf });
      const created = await store.create(draft, makePayload(), ops);
      if (created.outcome !== 'created') throw new Error(created.outcome);
      expect(created.record.rerunOf).toStrictEqual(rerunOf);
      expect(await replica.getLive(draft.name)).toStrictEqual(created.record);
      expect(await replica.readEvents(created.record)).toMatchObject([
        { id: 1, type: 'job.state', actor: ops },
        { id: 2, type: 'job.rerun', data: { rerun_of: id, from: 'checkpoint' }, actor: ops },
      ]);
      const told = await store.update(parent, {
        by: ops,
        rerun: { jobId: draft.id, from: 'checkpoint' },
      });
      const history = { ...FIRST, asked: 1 };
      expect(told).toStrictEqual({ ...parent, history, version: told?.version });
      expect(await replica.getLive(parent.name)).toStrictEqual(told);
      expect(await replica.readEvents(parent)).toMatchObject([
        { id: 1, type: 'job.state' },
        { id: 2, type: 'job.rerun', data: { job_id: draft.id, from: 'checkpoint' }, actor: ops },
      ]);
    });

    it('answers a second creation with the first record', async () => {
      const record = await create();
      const other = makeDraft(id, { fingerprint: 'b'.repeat(43) });
      const again = await replica.create(other, makePayload({ secrets: { HF_TOKEN: 'new' } }));
      expect(again).toStrictEqual({ outcome: 'exists', record });
      expect(await store.readPayload(record)).toStrictEqual(makePayload());
    });

    it('lets exactly one of many creators win', async () => {
      const stores = Array.from({ length: 10 }, (_, index) => (index % 2 ? store : replica));
      const outcomes = await Promise.all(
        stores.map((each) => each.create(makeDraft(id), makePayload())),
      );
      const kinds = outcomes.map(({ outcome }) => outcome).sort();
      expect(kinds).toStrictEqual(['created', ...Array(9).fill('exists')]);
    });

    it('counts and lists what it holds', async () => {
      const before = store.count();
      const record = await create();
      expect(store.count()).toBe(before + 1);
      expect([...store.list()]).toHaveLength(before + 1);
      await store.delete(record);
      expect(store.count()).toBe(before);
    });

    it('reads the plan without callback and credentials', async () => {
      const record = await create();
      const { asked, plan, echo } = makePayload();
      for (const each of [store, replica, replica]) {
        expect(await each.readPlan(record)).toStrictEqual({ asked, plan, echo });
      }
    });

    it('changes what it is told to and nothing else', async () => {
      const record = await create();
      const running = await store.update(record, { state: toRunning(record) });
      if (running === undefined) throw new Error('not updated');
      expect(running.version).not.toBe(record.version);
      const { version, ...rest } = running;
      expect({ ...rest, version: record.version }).toStrictEqual({
        ...record,
        state: toRunning(record),
        history: { ...FIRST, job: 2 },
        phases: expect.stringMatching(/^queued\/service\/[^;]+;training\/training\/[^;]+$/),
      });
      const attempt = { atMs: 1, durationMs: 2, status: undefined, error: 'reset' };
      const delivery = { ...record.delivery, attempts: [attempt], attemptCount: 1 };
      const noted = await store.update(running, { runId: 'run-1', delivery });
      expect(noted).toStrictEqual({
        ...running,
        version: noted?.version,
        runId: 'run-1',
        delivery,
        history: { ...FIRST, job: 2, delivery: 1 },
      });
      expect(await replica.getLive(record.name)).toStrictEqual(noted);
      expect(store.getCached(record.name)).toStrictEqual(noted);
    });

    it('refuses a change of an older version', async () => {
      const record = await create();
      const running = await store.update(record, { state: toRunning(record) });
      expect(await replica.update(record, { runId: 'late' })).toBeUndefined();
      expect(await store.purgeCredentials(record)).toBeUndefined();
      expect(await store.delete(record)).toBe(false);
      expect(await store.getLive(record.name)).toStrictEqual(running);
      expect(await store.readPayload(record)).toStrictEqual(makePayload());
    });

    it('replaces the plan under the version of the record, for every replica', async () => {
      const record = await create();
      const prepared = { plan: { nodes: 3 }, echo: { num_nodes: 3 } };
      const before = await replica.readPlan(record);
      const updated = await store.update(record, { prepared, warnings: ['new'] });
      expect(updated).toMatchObject({ planRevision: 1, warnings: ['new'] });
      expect(await store.update(record, { prepared })).toBeUndefined();
      const seen = (await replica.getLive(record.name)) as JobRecord;
      expect(seen).toStrictEqual(updated);
      expect(await replica.readPlan(seen)).toStrictEqual({ ...before, ...prepared });
      expect(await store.readPayload(seen)).toStrictEqual(makePayload(prepared));
    });

    it('lets exactly one of many changes of one version win', async () => {
      const record = await create();
      const runIds = Array.from({ length: 8 }, (_, index) => `run-${index}`);
      const results = await Promise.all(
        runIds.map((runId, index) => (index % 2 ? store : replica).update(record, { runId })),
      );
      const winners = results.filter((result) => result !== undefined);
      expect(winners).toHaveLength(1);
      expect(await store.getLive(record.name)).toStrictEqual(winners[0]);
    });

    it('forgets the credentials of the training, not those of the callback', async () => {
      const record = await create();
      const bare = await store.purgeCredentials(record);
      expect(bare).toStrictEqual({ ...record, version: bare?.version, areCredentialsGone: true });
      const { values: _values, ...request } = makePayload().request ?? {};
      const left = { secrets: {}, request } as Partial<JobPayload>;
      expect(await replica.readPayload(record)).toStrictEqual(makePayload(left));
    });

    it('keeps no request, or one that withholds nothing, as it is', async () => {
      const { request: _request, ...without } = makePayload();
      const created = await store.create(makeDraft(id), without);
      if (created.outcome !== 'created') throw new Error(created.outcome);
      expect(await replica.readPayload(created.record)).toStrictEqual(without);
      await store.delete(created.record);
      const open = makePayload({ request: { body: { job_id: 'x' }, withheld: [], values: [] } });
      const again = await store.create(makeDraft(id), open);
      if (again.outcome !== 'created') throw new Error(again.outcome);
      await store.purgeCredentials(again.record);
      expect(await replica.readPayload(again.record)).toStrictEqual({ ...open, secrets: {} });
    });

    it('forgets the credentials of the callback, too, once that is settled', async () => {
      const settled = { delivery: { ...makeDraft(id).delivery, settled: 'delivered' as const } };
      const created = await store.create(makeDraft(id, settled), makePayload());
      if (created.outcome !== 'created') throw new Error(created.outcome);
      const bare = await store.purgeCredentials(created.record);
      expect(bare).toMatchObject({ areCredentialsGone: true, webhookAuth: 'gone' });
      const { callback } = makePayload();
      const { authHeader: _, ...rest } = callback ?? {};
      const kept = (await replica.readPayload(created.record))?.callback;
      expect(kept).toEqual({ ...rest, authHeader: undefined });
    });

    it('knows of a job that it never had credentials, also when those of its callback go', async () => {
      const settled = { delivery: { ...makeDraft(id).delivery, settled: 'delivered' as const } };
      const none = { areCredentialsGone: true, hasNoCredentials: true };
      const draft = makeDraft(id, { ...settled, ...none });
      const created = await store.create(draft, makePayload({ secrets: {} }));
      if (created.outcome !== 'created') throw new Error(created.outcome);
      expect(created.record).toMatchObject(none);
      await store.purgeCredentials(created.record);
      expect(await replica.getLive(created.record.name)).toMatchObject(none);
    });

    it('forgets credentials wherever the request repeats them', async () => {
      const first = { args: ['--token hf_secret', 'x'], api_key: 'short' };
      const asked = { first, second: { ...first, nested: [{ url: 'a/aws_secret/b' }] } };
      const created = await store.create(makeDraft(id), makePayload({ asked }));
      if (created.outcome !== 'created') throw new Error(created.outcome);
      await store.readPlan(created.record);
      await store.purgeCredentials(created.record);
      for (const each of [store, replica]) {
        const left = await each.readPlan(created.record);
        expect(JSON.stringify(left)).not.toMatch(/hf_secret|aws_secret|short/);
        expect(left?.asked.first).toMatchObject({ args: ['[redacted]', 'x'] });
      }
    });

    it('deletes a record once, and says that it is gone ever after', async () => {
      const record = await create();
      expect(await store.delete(record)).toBe(true);
      expect(store.getCached(record.name)).toBeUndefined();
      expect(await replica.getLive(record.name)).toBeUndefined();
      expect(await store.delete(record)).toBe(true);
      expect(await store.update(record, { runId: 'late' })).toBeUndefined();
      expect(await store.readPayload(record)).toBeUndefined();
    });

    it('keeps two jobs apart that had one id after the other', async () => {
      const first = await create();
      await store.delete(first);
      const second = await create();
      expect(second.uid).not.toBe(first.uid);
      expect(await store.update(first, { runId: 'late' })).toBeUndefined();
      expect(await store.readPayload(first)).toBeUndefined();
      expect(await store.delete(first)).toBe(true);
      expect(await store.getLive(second.name)).toStrictEqual(second);
    });

    it('tells every replica of creation, change and deletion', async () => {
      const { name } = makeDraft(id);
      const onReplica = (check: () => boolean) => eventually((tell) => replica.watch(tell), check);
      const appears = onReplica(() => replica.getCached(name) !== undefined);
      const record = await create();
      await appears;
      const changes = onReplica(() => replica.getCached(name)?.state.status === 'running');
      const running = await store.update(record, { state: toRunning(record) });
      await changes;
      expect(replica.getCached(name)).toStrictEqual(running);
      const vanishes = onReplica(() => replica.getCached(name) === undefined);
      if (running) await store.delete(running);
      await vanishes;
    });

    it('tells of its own writes before it returns, and nothing to who stopped listening', async () => {
      const told: string[] = [];
      const unwatch = store.watch((each) => told.push(each));
      const record = await create();
      expect(told).toStrictEqual([record.name]);
      unwatch();
      await store.delete(record);
      expect(told).toHaveLength(1);
    });

    it('is ready once opened, and may be opened and closed again', async () => {
      expect(store.notReadyReason()).toBeUndefined();
      expect(isStale(store.behindForMs())).toBe(false);
      await store.open();
      await store.close();
      await store.close();
    });
  });
}
