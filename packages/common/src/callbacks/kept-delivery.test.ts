import { describe, expect, it } from 'vitest';
import { makePostResult } from '../../test/callbacks/make-post-result.ts';
import { makePlannedJob, makeRecord } from '../../test/make-record.ts';
import { type JobRecord, NO_DELIVERY } from '../jobs/job.ts';
import { MemoryJobStore } from '../jobs/memory-job-store.ts';
import type { PostResult } from './http/webhook-client.ts';
import { addAttempt, recordAttempts, type UnrecordedAttempt } from './kept-delivery.ts';

const END = Date.UTC(2026, 0, 1);
const RETRY = { periodMs: 28 * 3_600_000, random: () => 0.5 };

function makeEnded(delivery: Partial<JobRecord['delivery']> = {}, endedAtMs = END): JobRecord {
  const record = makeRecord({ hasWebhook: true });
  const state = { ...record.state, status: 'succeeded', endedAtMs, observedAtMs: END } as const;
  return { ...record, state, delivery: { ...NO_DELIVERY, ...delivery } };
}

function result(status: number | undefined, more: Partial<PostResult> = {}): PostResult {
  return makePostResult(status, { durationMs: 10.4, ...more });
}

describe('addAttempt', () => {
  it.each([
    [200, 'delivered'],
    [410, 'gone'],
  ])('settles with %i: %s', (status, settled) => {
    const kept = addAttempt(makeEnded(), { atMs: END, result: result(status) }, RETRY);
    expect(kept).toMatchObject({ settled, attemptCount: 1, nextAttemptAtMs: undefined });
    expect(kept.attempts).toMatchObject([{ atMs: END, durationMs: 10, status }]);
  });

  it('keeps the 410 of an update, and takes it for no attempt at the end', () => {
    const gone = { atMs: END, result: result(410), isUpdate: true as const };
    expect(addAttempt(makeEnded(), gone, RETRY)).toMatchObject({
      ...{ settled: 'gone', attemptCount: 0, nextAttemptAtMs: undefined },
      attempts: [{ atMs: END, status: 410, isUpdate: true }],
    });
  });

  it.each([undefined, 302, 400, 429, 500])('plans another attempt after %s', (status) => {
    const kept = addAttempt(makeEnded(), { atMs: END, result: result(status) }, RETRY);
    expect(kept).toMatchObject({
      settled: undefined,
      attemptCount: 1,
      nextAttemptAtMs: END + 1010,
    });
    const patient = result(status, { retryAfterMs: 60_000 });
    expect(addAttempt(makeEnded(), { atMs: END, result: patient }, RETRY).nextAttemptAtMs).toBe(
      END + 60_010,
    );
  });

  it('makes the last attempt as the period ends, and gives up after that', () => {
    const record = makeEnded({ attemptCount: 18 });
    const nearlyOver = { atMs: END + RETRY.periodMs - 3_600_000, result: result(500) };
    expect(addAttempt(record, nearlyOver, RETRY)).toMatchObject({
      settled: undefined,
      nextAttemptAtMs: END + RETRY.periodMs,
    });
    const asksForTwoHours = { ...nearlyOver, result: result(503, { retryAfterMs: 7_200_000 }) };
    expect(addAttempt(record, asksForTwoHours, RETRY)).toMatchObject({
      settled: undefined,
      nextAttemptAtMs: nearlyOver.atMs + 10 + 7_200_000,
    });
    const over = { atMs: END + RETRY.periodMs, result: result(500) };
    expect(addAttempt(record, over, RETRY)).toMatchObject({
      settled: 'expired',
      nextAttemptAtMs: undefined,
    });
  });

  it('does not take a time in which nobody asked for the failure of the receiver', () => {
    let record = makeEnded({ attemptCount: 1 });
    let atMs = END + 3 * RETRY.periodMs;
    const began = atMs;
    while (record.delivery.settled === undefined) {
      const delivery = addAttempt(record, { atMs, result: result(503) }, RETRY);
      record = { ...record, delivery };
      atMs = delivery.nextAttemptAtMs ?? atMs;
    }
    expect(record.delivery).toMatchObject({ settled: 'expired', attemptCount: 10 });
    expect(atMs - began).toBeGreaterThan(8 * 60_000);
  });

  describe('where an event before was cut off', () => {
    const REPEAT = END + 15_000;
    const send = (record: JobRecord, atMs: number, status: number | undefined) => ({
      ...record,
      delivery: addAttempt(record, { atMs, result: result(status), repeatAtMs: REPEAT }, RETRY),
    });

    it('settles only with an attempt that came later', () => {
      let record = send(makeEnded(), END, 200);
      expect(record.delivery).toMatchObject({ settled: undefined, nextAttemptAtMs: REPEAT });
      record = send(record, REPEAT - 1, 200);
      expect(record.delivery).toMatchObject({ settled: undefined, nextAttemptAtMs: REPEAT });
      record = send(record, REPEAT, 200);
      expect(record.delivery).toMatchObject({ settled: 'delivered', nextAttemptAtMs: undefined });
    });

    it('takes a first success that came later for both', () => {
      const record = send(send(makeEnded(), END, 500), REPEAT + 1, 200);
      expect(record.delivery).toMatchObject({ settled: 'delivered', attemptCount: 2 });
    });

    it('tries the repetition as often as the event itself, which counts as delivered anyway', () => {
      let record = send(send(makeEnded(), END, 200), REPEAT, 503);
      expect(record.delivery).toMatchObject({
        settled: undefined,
        nextAttemptAtMs: REPEAT + 2010,
      });
      for (let n = 0; n < 8; n += 1) record = send(record, END + RETRY.periodMs, undefined);
      expect(record.delivery).toMatchObject({ settled: 'delivered', attemptCount: 10 });
    });

    it('takes a 410 for an answer at once', () => {
      expect(send(makeEnded(), END, 410).delivery.settled).toBe('gone');
    });

    it('is told by the first attempt, whatever later ones know', () => {
      const plain = addAttempt(makeEnded(), { atMs: END, result: result(500) }, RETRY);
      const record = send({ ...makeEnded(), delivery: plain }, END + 1000, 200);
      expect(record.delivery.settled).toBe('delivered');
    });
  });

  it('counts the period from when the end was seen, or asked for again', () => {
    const attempt = { atMs: END, result: result(500) };
    const longAgo = makeEnded({}, END - 2 * RETRY.periodMs);
    expect(addAttempt(longAgo, attempt, RETRY).settled).toBeUndefined();
    const replayedAtMs = END + 2 * RETRY.periodMs;
    const again = { atMs: replayedAtMs, result: result(500) };
    expect(addAttempt(makeEnded({ replayedAtMs }), again, RETRY).settled).toBeUndefined();
  });

  it('takes no success before a replay for one after it', () => {
    let record = makeEnded({ replayedAtMs: END, attemptCount: 0 });
    const taken = { atMs: END - 1, durationMs: 1, status: 200, error: undefined };
    record = { ...record, delivery: { ...record.delivery, attempts: [taken] } };
    for (let n = 0; n < 10; n += 1) {
      const failed = { atMs: END + RETRY.periodMs, result: result(500) };
      record = { ...record, delivery: addAttempt(record, failed, RETRY) };
    }
    expect(record.delivery).toMatchObject({ settled: 'expired', attemptCount: 10 });
  });

  it('keeps the newest 20 attempts with short errors, and counts all', () => {
    let record = makeEnded();
    for (let n = 0; n < 30; n += 1) {
      const failure = result(undefined, { error: 'x'.repeat(500), durationMs: 15_000 });
      const delivery = addAttempt(record, { atMs: END + n, result: failure }, RETRY);
      record = { ...record, delivery };
    }
    const { attempts, attemptCount } = record.delivery;
    expect(attemptCount).toBe(30);
    expect(attempts.map(({ atMs }) => atMs - END)).toEqual(
      Array.from({ length: 20 }, (_, n) => n + 10),
    );
    expect(JSON.stringify(attempts).length).toBeLessThan(4096);
  });
});

describe('recordAttempts', () => {
  const attempt = (status: number, more: Partial<UnrecordedAttempt> = {}): UnrecordedAttempt => ({
    ...{ atMs: END, result: result(status), replayedAtMs: undefined, callbackRevision: undefined },
    ...more,
  });

  async function makeStored(delivery: Partial<JobRecord['delivery']> = {}) {
    const store = new MemoryJobStore();
    const draft = makeEnded(delivery);
    const payload = { ...makePlannedJob(), callback: undefined, secrets: {} };
    const created = await store.create(draft, payload);
    if (created.outcome !== 'created') throw new Error(created.outcome);
    return { store, record: created.record };
  }

  it('writes on top of what has changed meanwhile', async () => {
    const { store, record } = await makeStored();
    await store.update(record, { runId: 'run' });
    const attempts = [attempt(500), attempt(200, { atMs: END + 1000 })];
    const recorded = await recordAttempts(store, record, attempts, RETRY);
    expect(recorded).toMatchObject({
      runId: 'run',
      delivery: { settled: 'delivered', attemptCount: 2 },
    });
    expect(store.getCached(record.name)).toBe(recorded);
  });

  it.each([END + 5000, END - 5000])(
    'lets an attempt that knew of no replay settle nothing, whatever the clocks say: %i',
    async (replayedAtMs) => {
      const { store, record } = await makeStored({ replayedAtMs });
      const recorded = await recordAttempts(store, record, [attempt(200)], RETRY);
      expect(recorded?.delivery).toMatchObject({ settled: undefined, nextAttemptAtMs: undefined });
      expect(recorded?.delivery.attempts).toHaveLength(1);

      const again = await recordAttempts(store, record, [attempt(200, { replayedAtMs })], RETRY);
      expect(again?.delivery.settled).toBe('delivered');
    },
  );

  it('notes nothing about a job that is gone', async () => {
    const { store, record } = await makeStored();
    await store.delete(record);
    expect(await recordAttempts(store, record, [attempt(200)], RETRY)).toBeUndefined();
  });
});
