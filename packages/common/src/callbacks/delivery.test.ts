import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { FakeClock } from '../../test/fake-clock.ts';
import { makeDraft, makePayload } from '../../test/make-draft.ts';
import { type JobDraft, type JobState, NO_DELIVERY } from '../job.ts';
import { createMetrics } from '../metrics.ts';
import { MockRunner } from '../runners/mock-runner.ts';
import { MemoryJobStore } from '../stores/memory-job-store.ts';
import { Deliveries } from './delivery.ts';
import { createSigner } from './signature.ts';
import type { PostResult, WebhookPost } from './webhook-sender.ts';

const ENDED: JobState = {
  status: 'succeeded',
  reason: 'COMPLETED',
  detail: 'Training completed',
  observedAtMs: 1000,
  startedAtMs: 500,
  endedAtMs: 1000,
};
const DELIVERED: PostResult = {
  status: 200,
  error: undefined,
  retryAfterMs: undefined,
  durationMs: 1,
  isRefused: false,
};

const CALLBACK = {
  webhookUrl: 'https://hook.test/',
  authHeader: undefined,
  eventFilter: undefined,
};

/** Deliveries of a process that may lead, with a webhook that answers when the test says so. */
async function startDeliveries(changes: Partial<JobDraft> = {}) {
  const clock = new FakeClock();
  const store = new MemoryJobStore();
  const created = await store.create(
    { ...makeDraft('job'), hasWebhook: true, delivery: NO_DELIVERY, state: ENDED, ...changes },
    { ...makePayload(), callback: CALLBACK },
  );
  if (created.outcome === 'taken') throw new Error('taken');
  let isLeader = true;
  const posts: WebhookPost[] = [];
  const answers: PromiseWithResolvers<PostResult>[] = [];
  const deliveries = new Deliveries({
    store,
    clock,
    runner: new MockRunner(
      { mock: { submittedMs: 0, runningMs: 0 }, jobsNamespace: 'x', trainJobApiVersion: 'a/v1' },
      clock,
    ),
    leadership: { isLeader: () => isLeader, term: () => 7, watch: () => () => {} },
    sender: {
      post: (post) => {
        posts.push(post);
        const answer = Promise.withResolvers<PostResult>();
        answers.push(answer);
        return answer.promise;
      },
      close: async () => {},
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
    record: created.record,
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
      expect(bed.store.peek(bed.record.name)?.delivery.settled).toBe('delivered'),
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
    vi.spyOn(bed.store, 'read').mockResolvedValue({ ...bed.record, delivery });
    bed.deliveries.offer(bed.record);
    await bed.deliveries.close();
    expect(bed.posts).toEqual([]);
  });

  it('count on above what was told before a lane was forgotten', async () => {
    const running = {
      ...ENDED,
      status: 'running',
      reason: 'RUNNING',
      endedAtMs: undefined,
    } as const;
    const bed = await startDeliveries({ state: running, createdAtMs: Date.UTC(2027, 0, 1) });
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
});
