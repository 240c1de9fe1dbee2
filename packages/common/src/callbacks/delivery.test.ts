import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { makeConfig } from '../../test/builders.ts';
import { FakeClock } from '../../test/fake-clock.ts';
import { makeDraft, makePayload } from '../../test/make-draft.ts';
import {
  type JobDraft,
  type JobPayload,
  type JobRecord,
  type JobState,
  NO_DELIVERY,
} from '../jobs/job.ts';
import { MemoryJobStore } from '../jobs/memory-job-store.ts';
import { createMetrics } from '../metrics.ts';
import { MockRunner } from '../runners/mock/mock-runner.ts';
import { Deliveries } from './delivery.ts';
import type { PostResult, WebhookPost } from './http/webhook-client.ts';
import { createSigner } from './signature.ts';

const ENDED: JobState = {
  status: 'succeeded',
  reason: 'COMPLETED',
  detail: 'Training completed',
  observedAtMs: 1000,
  startedAtMs: 500,
  endedAtMs: 1000,
};
const NOW_MS = Date.UTC(2026, 0, 1);
const RUNNING: JobState = {
  ...ENDED,
  status: 'running',
  reason: 'RUNNING',
  endedAtMs: undefined,
};
const DELIVERED: PostResult = {
  status: 200,
  error: undefined,
  retryAfterMs: undefined,
  durationMs: 1,
  isRefused: false,
};

const FAILED: PostResult = { ...DELIVERED, status: 500, error: 'It failed.' };
const GONE: PostResult = { ...DELIVERED, status: 410, error: 'It is gone.' };

const CALLBACK = {
  webhookUrl: 'https://hook.test/',
  authHeader: undefined,
  eventFilter: undefined,
};

/** Deliveries of a process that may lead, with a webhook that answers when the test says so. */
async function startDeliveries(changes: Partial<JobDraft> = {}) {
  const clock = new FakeClock();
  const store = new MemoryJobStore();
  const addJob = async (id: string, further: Partial<JobDraft> = {}) => {
    const created = await store.create(
      { ...makeDraft(id), hasWebhook: true, delivery: NO_DELIVERY, state: ENDED, ...further },
      { ...makePayload(), callback: CALLBACK },
    );
    if (created.outcome !== 'created') throw new Error(created.outcome);
    return created.record;
  };
  let isLeader = true;
  const posts: WebhookPost[] = [];
  const answers: PromiseWithResolvers<PostResult>[] = [];
  const deliveries = new Deliveries({
    store,
    clock,
    runner: new MockRunner(makeConfig(), clock),
    leadership: { isLeader: () => isLeader, term: () => 7, watch: () => () => {} },
    sender: {
      post: (post) => {
        posts.push(post);
        const answer = Promise.withResolvers<PostResult>();
        answers.push(answer);
        return answer.promise;
      },
      close: async () => {
        const closing = { ...FAILED, status: undefined, error: 'The service is closing.' };
        for (const answer of answers) answer.resolve(closing);
      },
    },
    signer: createSigner([]),
    metrics: createMetrics('test', () => new Map()),
    logger: pino({ level: 'silent' }),
    random: () => 0.5,
    settings: { intervalMs: 60_000, retryPeriodMs: 3_600_000 },
  });
  return {
    clock,
    store,
    deliveries,
    posts,
    addJob,
    record: await addJob('job', changes),
    told: (index: number) => JSON.parse(posts[index]?.body ?? '') as { status: string },
    answer: (index: number, result: PostResult) => answers[index]?.resolve(result),
    lead: (leads: boolean) => {
      isLeader = leads;
      if (leads) deliveries.takeOver();
      else deliveries.clear();
    },
  };
}

describe('Deliveries', () => {
  it('send nothing while this process does not lead', async () => {
    const { deliveries, posts, record, lead } = await startDeliveries();
    lead(false);
    deliveries.offer(record);
    await deliveries.close();
    expect(posts).toEqual([]);
  });

  it('do not repeat an end that could not be noted, though the lease was lost and won again', async () => {
    const bed = await startDeliveries();
    const unreachable = vi.spyOn(bed.store, 'update').mockRejectedValue(new Error('unreachable'));
    bed.deliveries.offer(bed.record);
    await vi.waitFor(() => expect(bed.posts).toHaveLength(1));
    bed.lead(false);
    bed.answer(0, DELIVERED);
    await vi.waitFor(() => expect(unreachable).toHaveBeenCalled());
    unreachable.mockRestore();

    bed.lead(true);
    bed.deliveries.offer(bed.record);
    await vi.waitFor(() =>
      expect(bed.store.getCached(bed.record.name)?.delivery.settled).toBe('delivered'),
    );
    await bed.deliveries.close();
    expect(bed.posts).toHaveLength(1);
  });

  it('leave an end alone that another leader has settled meanwhile', async () => {
    const bed = await startDeliveries();
    bed.lead(false);
    const delivery = { ...bed.record.delivery, settled: 'delivered' as const };
    const settled = await bed.store.update(bed.record, { delivery });
    bed.lead(true);
    if (settled !== undefined) bed.deliveries.offer(settled);
    await bed.deliveries.close();
    expect(bed.posts).toEqual([]);
  });

  it('look at the record itself before they send an end, since what is known may lag behind', async () => {
    const bed = await startDeliveries();
    const delivery = { ...bed.record.delivery, settled: 'delivered' as const };
    vi.spyOn(bed.store, 'getLive').mockResolvedValue({ ...bed.record, delivery });
    bed.deliveries.offer(bed.record);
    await bed.deliveries.close();
    expect(bed.posts).toEqual([]);
  });

  it('count on above what was told before a lane was forgotten', async () => {
    const bed = await startDeliveries({ state: RUNNING, createdAtMs: NOW_MS });
    const sequence = (index: number) => JSON.parse(bed.posts[index]?.body ?? '').sequence as number;
    bed.deliveries.offer(bed.record);
    await vi.waitFor(() => expect(bed.posts).toHaveLength(1));
    bed.answer(0, DELIVERED);
    bed.deliveries.forget(bed.record.name);
    await bed.clock.advance(1000);
    bed.deliveries.offer(bed.record);
    await vi.waitFor(() => expect(bed.posts).toHaveLength(2));
    bed.answer(1, DELIVERED);
    await bed.deliveries.close();
    expect(sequence(1)).toBeGreaterThan(sequence(0));
  });

  it('lose no slot to a job that was deleted while it waited for one', async () => {
    const bed = await startDeliveries();
    const records = [bed.record];
    for (let n = 1; n < 32; n += 1) records.push(await bed.addJob(`job-${n}`));
    for (const record of records) bed.deliveries.offer(record);
    await vi.waitFor(() => expect(bed.posts).toHaveLength(16));
    for (const record of records.slice(16)) {
      await bed.store.delete(record);
      bed.deliveries.forget(record.name);
    }
    for (let n = 0; n < 16; n += 1) bed.answer(n, DELIVERED);
    bed.deliveries.offer(await bed.addJob('last'));
    await vi.waitFor(() => expect(bed.posts).toHaveLength(17));
    bed.answer(16, DELIVERED);
    await bed.deliveries.close();
  });

  it('send an end once for each replay, though that was asked for by a clock that is ahead', async () => {
    const bed = await startDeliveries({
      delivery: { ...NO_DELIVERY, replayedAtMs: NOW_MS + 60_000 },
    });
    bed.deliveries.offer(bed.record);
    await vi.waitFor(() => expect(bed.posts).toHaveLength(1));
    bed.answer(0, DELIVERED);
    await vi.waitFor(() =>
      expect(bed.store.getCached(bed.record.name)?.delivery.settled).toBe('delivered'),
    );
    await bed.deliveries.close();
    expect(bed.posts).toHaveLength(1);
  });

  it('take a 410 to a state for final, also when a newer state has come meanwhile', async () => {
    const bed = await startDeliveries({ state: RUNNING, createdAtMs: NOW_MS });
    bed.deliveries.offer(bed.record);
    await vi.waitFor(() => expect(bed.posts).toHaveLength(1));
    const state = { ...RUNNING, reason: 'PENDING' } as const;
    const changed = await bed.store.update(bed.record, { state });
    if (changed !== undefined) bed.deliveries.offer(changed);
    bed.answer(0, GONE);
    await vi.waitFor(() =>
      expect(bed.store.getCached(bed.record.name)?.delivery.settled).toBe('gone'),
    );
    await bed.deliveries.close();
    expect(bed.posts).toHaveLength(1);
  });

  it('do not ask again after a 410 to a state that could not be noted', async () => {
    const bed = await startDeliveries({ state: RUNNING, createdAtMs: NOW_MS });
    const unreachable = vi.spyOn(bed.store, 'update').mockRejectedValue(new Error('unreachable'));
    bed.deliveries.offer(bed.record);
    await vi.waitFor(() => expect(bed.posts).toHaveLength(1));
    bed.answer(0, GONE);
    await vi.waitFor(() => expect(unreachable).toHaveBeenCalled());
    await bed.clock.advance(120_000);
    unreachable.mockRestore();
    await bed.clock.advance(60_000);
    expect(bed.store.getCached(bed.record.name)?.delivery).toMatchObject({
      settled: 'gone',
      attemptCount: 1,
    });
    await bed.deliveries.close();
    expect(bed.posts).toHaveLength(1);
  });

  it('leave an end to the next leadership when theirs was lost while they read the record', async () => {
    const bed = await startDeliveries();
    const read = Promise.withResolvers<JobRecord>();
    vi.spyOn(bed.store, 'getLive').mockReturnValueOnce(read.promise);
    vi.spyOn(bed.store, 'update').mockRejectedValueOnce(new Error('unreachable'));
    bed.deliveries.offer(bed.record);
    await vi.waitFor(() => expect(bed.store.getLive).toHaveBeenCalledTimes(1));
    bed.lead(false);
    bed.lead(true);
    bed.deliveries.offer(bed.record);
    read.resolve(bed.record);
    await vi.waitFor(() => expect(bed.posts).toHaveLength(1));
    bed.answer(0, DELIVERED);
    await bed.clock.advance(60_000);
    await bed.deliveries.close();
    expect(bed.posts).toHaveLength(1);
    expect(bed.store.getCached(bed.record.name)?.delivery.settled).toBe('delivered');
  });

  it('tell the end of a job whose namesake vanished while it was told', async () => {
    const bed = await startDeliveries();
    bed.deliveries.offer(bed.record);
    await vi.waitFor(() => expect(bed.posts).toHaveLength(1));
    await bed.store.delete(bed.record);
    bed.deliveries.forget(bed.record.name);
    const next = await bed.addJob('job');
    bed.deliveries.offer(next);
    bed.answer(0, DELIVERED);
    await vi.waitFor(() => expect(bed.posts).toHaveLength(2));
    bed.answer(1, DELIVERED);
    await vi.waitFor(() =>
      expect(bed.store.getCached(next.name)?.delivery.settled).toBe('delivered'),
    );
    await bed.deliveries.close();
  });

  it('send no state of a job that has ended while its webhook was looked up', async () => {
    const bed = await startDeliveries({ state: RUNNING, createdAtMs: NOW_MS });
    const payload = Promise.withResolvers<JobPayload>();
    vi.spyOn(bed.store, 'readPayload').mockReturnValueOnce(payload.promise);
    bed.deliveries.offer(bed.record);
    await vi.waitFor(() => expect(bed.store.readPayload).toHaveBeenCalledTimes(1));
    const ended = await bed.store.update(bed.record, { state: ENDED });
    if (ended !== undefined) bed.deliveries.offer(ended);
    await vi.waitFor(() => expect(bed.posts).toHaveLength(1));
    bed.answer(0, FAILED);
    await vi.waitFor(() =>
      expect(bed.store.getCached(bed.record.name)?.delivery.attemptCount).toBe(1),
    );
    payload.resolve({ ...makePayload(), callback: CALLBACK });
    await bed.clock.advance(2000);
    expect(bed.posts).toHaveLength(2);
    expect([bed.told(0), bed.told(1)].map(({ status }) => status)).toEqual([
      'succeeded',
      'succeeded',
    ]);
    bed.answer(1, DELIVERED);
    await bed.deliveries.close();
  });

  it('cut what is on its way when they close, and do not blame the receiver for that', async () => {
    const bed = await startDeliveries();
    bed.deliveries.offer(bed.record);
    await vi.waitFor(() => expect(bed.posts).toHaveLength(1));
    const closed = bed.deliveries.close();
    await bed.clock.advance(2000);
    await closed;
    expect(bed.store.getCached(bed.record.name)).toEqual(bed.record);
  });

  it('note an end that is answered while they close', async () => {
    const bed = await startDeliveries();
    bed.deliveries.offer(bed.record);
    await vi.waitFor(() => expect(bed.posts).toHaveLength(1));
    const closed = bed.deliveries.close();
    bed.answer(0, DELIVERED);
    await closed;
    expect(bed.store.getCached(bed.record.name)?.delivery.settled).toBe('delivered');
  });

  it('give up an end of which nobody knows any more where it was to go', async () => {
    const bed = await startDeliveries();
    vi.spyOn(bed.store, 'readPayload').mockResolvedValue(undefined);
    bed.deliveries.offer(bed.record);
    await vi.waitFor(() =>
      expect(bed.store.getCached(bed.record.name)?.delivery.settled).toBe('expired'),
    );
    await bed.deliveries.close();
    expect(bed.posts).toEqual([]);
  });
});
