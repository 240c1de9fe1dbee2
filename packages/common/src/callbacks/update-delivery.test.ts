import { describe, expect, it, vi } from 'vitest';
import { makePostResult } from '../../test/callbacks/make-post-result.ts';
import {
  CALLBACK,
  DELIVERED,
  ENDED,
  FAILED,
  LIVE,
  NOW_MS,
  RUNNING,
  startDispatcher,
} from '../../test/callbacks/start-dispatcher.ts';
import { makePayload } from '../../test/make-draft.ts';
import type { JobPayload } from '../jobs/job.ts';

const HEARTBEAT_MS = 57_000;

async function startUpdate() {
  const bed = startDispatcher();
  const record = await bed.addJob('job', LIVE);
  bed.dispatcher.offer(record);
  await bed.untilPosts(1);
  return { bed, record };
}

describe('an update that failed', () => {
  it('is sent again ever later, with the same id and bytes, until the next heartbeat', async () => {
    const { bed } = await startUpdate();
    const sentAtMs = [0];
    for (let index = 0; index < 5; index += 1) {
      await bed.answer(index, FAILED);
      for (let waited = 0; bed.posts.length === index + 1 && waited < 60_000; waited += 100) {
        await bed.clock.advance(100);
      }
      sentAtMs.push(bed.clock.now() - NOW_MS);
      expect([bed.id(index + 1), bed.posts[index + 1]?.body]).toEqual([
        bed.id(0),
        bed.posts[0]?.body,
      ]);
    }
    // After five failures in a row the receiver gets its pause, too.
    expect(sentAtMs.slice(0, 5)).toEqual([0, 1000, 3000, 7000, 15_000]);
    await bed.close();
  });

  it('waits as long as its receiver asks, and no longer than until the next heartbeat', async () => {
    const { bed } = await startUpdate();
    await bed.answer(0, makePostResult(503, { retryAfterMs: 20_000 }));
    await bed.clock.advance(19_999);
    expect(bed.posts).toHaveLength(1);
    await bed.clock.advance(1);
    expect([bed.posts.length, bed.id(1)]).toEqual([2, bed.id(0)]);
    await bed.answer(1, makePostResult(503, { retryAfterMs: 600_000 }));
    await bed.clock.advance(HEARTBEAT_MS - 20_001);
    expect(bed.posts).toHaveLength(2);
    await bed.clock.advance(1);
    expect(bed.posts).toHaveLength(3);
    expect(bed.id(2)).not.toBe(bed.id(0));
    await bed.close();
  });

  it('is counted from the beginning again once there is news', async () => {
    const { bed, record } = await startUpdate();
    await bed.answer(0, FAILED);
    await bed.clock.advance(1000);
    await bed.answer(1, FAILED);
    await bed.change(record, { ...RUNNING, reason: 'PENDING' });
    await bed.untilPosts(3);
    await bed.answer(2, FAILED);
    await bed.clock.advance(999);
    expect(bed.posts).toHaveLength(3);
    await bed.clock.advance(1);
    expect(bed.posts).toHaveLength(4);
    await bed.close();
  });
});

describe('an update', () => {
  it.each([
    ['was taken', DELIVERED],
    ['its receiver will not have', makePostResult(404)],
    ['may not be sent', makePostResult(undefined, { isRefused: true })],
  ])('that %s is followed by the heartbeat alone', async (_, result) => {
    const { bed } = await startUpdate();
    await bed.answer(0, result);
    await bed.clock.advance(HEARTBEAT_MS - 1);
    expect(bed.posts).toHaveLength(1);
    await bed.clock.advance(1);
    expect(bed.posts).toHaveLength(2);
    expect(bed.event(1).sequence).toBe(2);
    await bed.close();
  });

  it('is sent of those states alone that the request asks for', async () => {
    const bed = startDispatcher();
    const filtered = { ...CALLBACK, eventFilter: ['running' as const] };
    const waiting = { ...RUNNING, status: 'submitted' as const, reason: 'PENDING' as const };
    const record = await bed.addJob('job', { state: waiting }, filtered);
    bed.dispatcher.offer(record);
    await bed.clock.advance(HEARTBEAT_MS);
    expect(bed.posts).toEqual([]);
    await bed.change(record, RUNNING);
    await bed.untilPosts(1);
    await bed.answer(0, DELIVERED);
    await bed.change(record, ENDED);
    await bed.untilPosts(2);
    expect(bed.statuses()).toEqual(['running', 'succeeded']);
    await bed.close();
  });

  it('is not sent of a job that went while its webhook was looked up', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job', LIVE);
    const payload = Promise.withResolvers<JobPayload>();
    vi.spyOn(bed.store, 'readPayload').mockReturnValueOnce(payload.promise);
    bed.dispatcher.offer(record);
    await vi.waitFor(() => expect(bed.store.readPayload).toHaveBeenCalledTimes(1));
    await bed.store.delete(record);
    await bed.addJob('job', { ...LIVE, createdAtMs: NOW_MS });
    payload.resolve({ ...makePayload(), callback: CALLBACK });
    await bed.clock.advance(1000);
    expect(bed.posts).toEqual([]);
    await bed.close();
  });

  it('has another id from another process, though its number is the same', async () => {
    const ids = await Promise.all(
      [0.25, 0.75].map(async (value) => {
        const bed = startDispatcher({ random: () => value });
        const record = await bed.addJob('job', LIVE);
        bed.dispatcher.offer(record);
        await bed.untilPosts(1);
        await bed.close();
        return bed.id(0)?.replace(record.uid, '');
      }),
    );
    expect(new Set(ids).size).toBe(2);
  });
});
