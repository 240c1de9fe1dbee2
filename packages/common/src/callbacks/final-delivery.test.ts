import { describe, expect, it, vi } from 'vitest';
import {
  DELIVERED,
  FAILED,
  NOW_MS,
  startDispatcher,
} from '../../test/callbacks/start-dispatcher.ts';
import { type JobRecord, NO_DELIVERY } from '../jobs/job.ts';

describe('an end', () => {
  it('is not sent of a job that is gone, or whose name another has', async () => {
    for (const found of ['nobody', 'another'] as const) {
      const bed = startDispatcher();
      const record = await bed.addJob('job');
      const live = found === 'nobody' ? undefined : { ...record, uid: 'another' };
      vi.spyOn(bed.store, 'getLive').mockResolvedValue(live);
      bed.dispatcher.offer(record);
      await bed.clock.advance(60_000);
      expect(bed.posts).toEqual([]);
      await bed.close();
    }
  });

  it('waits where another process has planned it, which is known only once it is looked up', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job');
    const delivery = { ...NO_DELIVERY, attemptCount: 3, nextAttemptAtMs: NOW_MS + 5000 };
    const planned = (await bed.store.update(record, { delivery })) as JobRecord;
    vi.spyOn(bed.store, 'getCached').mockReturnValueOnce(record).mockReturnValueOnce(record);
    bed.dispatcher.offer(record);
    await bed.clock.advance(4999);
    expect(bed.posts).toEqual([]);
    await bed.clock.advance(1);
    expect(bed.posts).toHaveLength(1);
    expect(bed.peek(record)).toBe(planned);
    await bed.close();
  });

  it('that was not answered is sent again with the same id and bytes', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job');
    bed.dispatcher.offer(record);
    await bed.untilPosts(1);
    await bed.answer(0, FAILED);
    expect(bed.peek(record)?.delivery.nextAttemptAtMs).toBe(NOW_MS + 1001);
    await bed.clock.advance(1000);
    expect(bed.posts).toHaveLength(1);
    await bed.clock.advance(1);
    expect([bed.id(1), bed.posts[1]?.body]).toEqual([bed.id(0), bed.posts[0]?.body]);
    await bed.answer(1, DELIVERED);
    await bed.clock.advance(3_600_000);
    expect(bed.posts).toHaveLength(2);
    await bed.close();
  });

  it('that nobody knows where to send keeps what another has settled meanwhile', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job');
    vi.spyOn(bed.store, 'readPayload').mockResolvedValue(undefined);
    const update = bed.store.update.bind(bed.store);
    vi.spyOn(bed.store, 'update').mockImplementationOnce(async () => {
      await update(record, { delivery: { ...NO_DELIVERY, settled: 'delivered' } });
      return undefined;
    });
    bed.dispatcher.offer(record);
    await bed.clock.advance(1000);
    expect(bed.peek(record)?.delivery.settled).toBe('delivered');
    await bed.close();
  });
});
