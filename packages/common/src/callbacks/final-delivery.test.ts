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
      const fixture = startDispatcher();
      const record = await fixture.addJob('job');
      const live = found === 'nobody' ? undefined : { ...record, uid: 'another' };
      vi.spyOn(fixture.store, 'getLive').mockResolvedValue(live);
      fixture.dispatcher.offer(record);
      await fixture.clock.advance(60_000);
      expect(fixture.posts).toEqual([]);
      await fixture.close();
    }
  });

  it('waits where another process has planned it, which is known only once it is looked up', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job');
    const delivery = { ...NO_DELIVERY, attemptCount: 3, nextAttemptAtMs: NOW_MS + 5000 };
    const planned = (await fixture.store.update(record, { delivery })) as JobRecord;
    vi.spyOn(fixture.store, 'getCached').mockReturnValueOnce(record).mockReturnValueOnce(record);
    fixture.dispatcher.offer(record);
    await fixture.clock.advance(4999);
    expect(fixture.posts).toEqual([]);
    await fixture.clock.advance(1);
    expect(fixture.posts).toHaveLength(1);
    expect(fixture.peek(record)).toBe(planned);
    await fixture.close();
  });

  it('that was not answered is sent again with the same id and bytes', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job');
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    await fixture.answer(0, FAILED);
    expect(fixture.peek(record)?.delivery.nextAttemptAtMs).toBe(NOW_MS + 1001);
    await fixture.clock.advance(1000);
    expect(fixture.posts).toHaveLength(1);
    await fixture.clock.advance(1);
    expect([fixture.id(1), fixture.posts[1]?.body]).toEqual([
      fixture.id(0),
      fixture.posts[0]?.body,
    ]);
    await fixture.answer(1, DELIVERED);
    await fixture.clock.advance(3_600_000);
    expect(fixture.posts).toHaveLength(2);
    await fixture.close();
  });

  it('that nobody knows where to send keeps what another has settled meanwhile', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job');
    vi.spyOn(fixture.store, 'readPayload').mockResolvedValue(undefined);
    const update = fixture.store.update.bind(fixture.store);
    vi.spyOn(fixture.store, 'update').mockImplementationOnce(async () => {
      await update(record, { delivery: { ...NO_DELIVERY, settled: 'delivered' } });
      return undefined;
    });
    fixture.dispatcher.offer(record);
    await fixture.clock.advance(1000);
    expect(fixture.peek(record)?.delivery.settled).toBe('delivered');
    await fixture.close();
  });
});
