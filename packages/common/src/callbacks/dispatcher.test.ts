import { describe, expect, it, vi } from 'vitest';
import { makePostResult } from '../../test/callbacks/make-post-result.ts';
import {
  CALLBACK,
  CUT_OFF,
  DELIVERED,
  ENDED,
  FAILED,
  GONE,
  LIVE,
  NOW_MS,
  RUNNING,
  startDispatcher,
} from '../../test/callbacks/start-dispatcher.ts';
import { makePayload } from '../../test/make-draft.ts';
import { type JobPayload, type JobRecord, NO_DELIVERY } from '../jobs/job.ts';

describe('leadership', () => {
  it('is needed to send anything', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job');
    const readPayload = vi.spyOn(bed.store, 'readPayload');
    bed.loseLeadership();
    bed.dispatcher.offer(record);
    await bed.clock.advance(60_000);
    await bed.close();
    expect(bed.posts).toEqual([]);
    expect(readPayload).not.toHaveBeenCalled();
  });

  it.each([
    ['an update', LIVE],
    ['a final event', {}],
  ])('is asked once more immediately before %s goes out', async (_, changes) => {
    const bed = startDispatcher();
    const record = await bed.addJob('job', changes);
    const payload = Promise.withResolvers<JobPayload>();
    vi.spyOn(bed.store, 'readPayload').mockReturnValueOnce(payload.promise);
    const read = vi.spyOn(bed.store, 'getLive');
    bed.dispatcher.offer(record);
    await vi.waitFor(() => expect(bed.store.readPayload).toHaveBeenCalledTimes(1));
    read.mockImplementationOnce(async () => {
      bed.loseLeadershipUnnoticed();
      return record;
    });
    if (record.state.endedAtMs === undefined) bed.loseLeadershipUnnoticed();
    payload.resolve({ ...makePayload(), callback: CALLBACK });
    await bed.clock.advance(1000);
    expect(bed.posts).toEqual([]);
    await bed.close();
  });

  it('that was lost and won again does not repeat an end that could not be recorded', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job');
    const unreachable = vi.spyOn(bed.store, 'update').mockRejectedValue(new Error('unreachable'));
    bed.dispatcher.offer(record);
    await bed.untilPosts(1);
    bed.loseLeadership();
    await bed.answer(0, DELIVERED);
    await vi.waitFor(() => expect(unreachable).toHaveBeenCalled());
    unreachable.mockRestore();

    bed.takeOver();
    bed.dispatcher.offer(record);
    await vi.waitFor(() => expect(bed.peek(record)?.delivery.settled).toBe('delivered'));
    await bed.close();
    expect(bed.posts).toHaveLength(1);
  });

  it('that was lost while an end was read leaves it to the next', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job', {
      delivery: { ...NO_DELIVERY, attemptCount: 1 },
    });
    const read = Promise.withResolvers<JobRecord>();
    vi.spyOn(bed.store, 'getLive').mockReturnValueOnce(read.promise);
    vi.spyOn(bed.store, 'update').mockRejectedValueOnce(new Error('unreachable'));
    bed.dispatcher.offer(record);
    await vi.waitFor(() => expect(bed.store.getLive).toHaveBeenCalledTimes(1));
    bed.loseLeadership();
    bed.takeOver();
    bed.dispatcher.offer(record);
    read.resolve(record);
    await bed.untilPosts(1);
    await bed.answer(0, DELIVERED);
    await bed.clock.advance(60_000);
    await bed.close();
    expect(bed.posts).toHaveLength(1);
    expect(bed.peek(record)?.delivery.settled).toBe('delivered');
  });

  it('that was lost and won again sends nothing beside what is on its way still', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job', LIVE);
    bed.dispatcher.offer(record);
    await bed.untilPosts(1);
    bed.loseLeadership();
    bed.takeOver();
    await bed.change(record, ENDED);
    await bed.clock.advance(1000);
    expect(bed.posts).toHaveLength(1);
    await bed.answer(0, DELIVERED);
    expect(bed.statuses()).toEqual(['running', 'succeeded']);
    await bed.close();
  });
});

describe('a takeover', () => {
  it('leaves an end alone that another leader has settled meanwhile', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job');
    bed.loseLeadership();
    const delivery = { ...record.delivery, settled: 'delivered' as const };
    const settled = await bed.store.update(record, { delivery });
    bed.takeOver();
    if (settled !== undefined) bed.dispatcher.offer(settled);
    await bed.close();
    expect(bed.posts).toEqual([]);
  });

  it('spreads the updates of live jobs evenly over an interval, and tells new ones at once', async () => {
    let state = 1;
    const random = () => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    const bed = startDispatcher({ random });
    const records: JobRecord[] = [];
    for (let n = 0; n < 600; n += 1) {
      const webhookUrl = `https://${n}.test/`;
      records.push(
        await bed.addJob(
          `job-${n}`,
          { ...LIVE, webhookOrigin: `https://${n}.test` },
          { ...CALLBACK, webhookUrl },
        ),
      );
    }
    await bed.clock.advance(1000);
    bed.takeOver();
    for (const record of records) bed.dispatcher.offer(record);
    bed.dispatcher.offer(await bed.addJob('new', { state: RUNNING, createdAtMs: NOW_MS + 1000 }));
    const counts: number[] = [];
    let answered = 0;
    for (let tenth = 0; tenth < 10; tenth += 1) {
      const before = bed.posts.length;
      await bed.clock.advance(6000);
      for (; answered < bed.posts.length; answered += 1) await bed.answer(answered, DELIVERED);
      counts.push(bed.posts.length - before);
    }
    expect(bed.posts[0]?.url).toBe(CALLBACK.webhookUrl);
    expect(counts.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(601);
    for (const count of counts.slice(0, 9)) {
      expect(count).toBeGreaterThan(30);
      expect(count).toBeLessThan(90);
    }
    await bed.close();
  });

  it('reads nothing of a job before its turn, where its record names the origin', async () => {
    const bed = startDispatcher();
    const readPayload = vi.spyOn(bed.store, 'readPayload');
    const records = [];
    for (let n = 0; n < 40; n += 1) records.push(await bed.addJob(`job-${n}`));
    bed.takeOver();
    for (const record of records) bed.dispatcher.offer(record);
    await bed.untilPosts(16);
    expect(readPayload).toHaveBeenCalledTimes(16);
    await bed.clock.advance(0);
    await bed.close();
  });

  it('counts records of earlier versions, which name no origin, against their own all the same', async () => {
    const bed = startDispatcher();
    for (let n = 0; n < 40; n += 1) {
      bed.dispatcher.offer(await bed.addJob(`job-${n}`, { webhookOrigin: undefined }));
    }
    await bed.untilPosts(16);
    await bed.clock.advance(1000);
    expect(bed.posts).toHaveLength(16);
    const webhookUrl = 'https://other.test/';
    const other = { ...CALLBACK, webhookUrl };
    bed.dispatcher.offer(await bed.addJob('other', { webhookOrigin: undefined }, other));
    await bed.untilPosts(17);
    expect(bed.posts[16]?.url).toBe(webhookUrl);
    await bed.close();
  });

  it('also concerns what comes into the cache only after it', async () => {
    const bed = startDispatcher();
    await bed.clock.advance(1000);
    bed.takeOver();
    const record = await bed.addJob('job');
    bed.dispatcher.offer(record);
    await bed.untilPosts(1);
    await bed.answer(0, DELIVERED);
    expect(bed.peek(record)?.delivery.nextAttemptAtMs).toBe(NOW_MS + 16_000);
    await bed.close();
  });
});

describe('the events of a job', () => {
  it('are never two at a time: an end waits until the update before it was answered', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job', LIVE);
    bed.dispatcher.offer(record);
    await bed.untilPosts(1);
    await bed.change(record, ENDED);
    await bed.clock.advance(14_999);
    expect(bed.statuses()).toEqual(['running']);
    await bed.answer(0, FAILED);
    expect(bed.statuses()).toEqual(['running', 'succeeded']);
    await bed.answer(1, DELIVERED);
    expect(bed.peek(record)?.delivery).toMatchObject({ settled: 'delivered', attemptCount: 1 });
    await bed.clock.advance(120_000);
    expect(bed.posts).toHaveLength(2);
    await bed.close();
  });

  it('are never two at a time: a change waits as well, and only the newest is told', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job', LIVE);
    bed.dispatcher.offer(record);
    await bed.untilPosts(1);
    await bed.change(record, { ...RUNNING, reason: 'PENDING' });
    await bed.change(record, { ...RUNNING, reason: 'QUEUED' });
    await bed.clock.advance(1000);
    expect(bed.posts).toHaveLength(1);
    await bed.answer(0, FAILED);
    expect(bed.posts).toHaveLength(2);
    expect(bed.event(1)).toMatchObject({ reason: 'QUEUED' });
    await bed.clock.advance(2000);
    await bed.answer(1, DELIVERED);
    await bed.clock.advance(50_000);
    // The first is overtaken, and its retry with it.
    expect(bed.posts).toHaveLength(2);
    await bed.close();
  });

  it('end with the final one twice where an update was cut off, the second 15 s after that', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job', LIVE);
    bed.dispatcher.offer(record);
    await bed.untilPosts(1);
    await bed.clock.advance(15_000);
    await bed.answer(0, CUT_OFF);
    await bed.change(record, ENDED);
    await bed.clock.advance(4000);
    expect(bed.statuses()).toEqual(['running', 'succeeded']);
    await bed.answer(1, DELIVERED);
    expect(bed.peek(record)?.delivery).toMatchObject({
      settled: undefined,
      nextAttemptAtMs: NOW_MS + 30_000,
    });
    await bed.clock.advance(10_999);
    expect(bed.posts).toHaveLength(2);
    await bed.clock.advance(1);
    expect(bed.posts).toHaveLength(3);
    expect([bed.posts[2]?.body, bed.id(2)]).toEqual([bed.posts[1]?.body, bed.id(1)]);
    await bed.answer(2, DELIVERED);
    expect(bed.peek(record)?.delivery).toMatchObject({ settled: 'delivered', attemptCount: 2 });
    await bed.clock.advance(3_600_000);
    expect(bed.posts).toHaveLength(3);
    await bed.close();
  });

  it('end with the final one once where the cut is longer ago, or where nothing was sent', async () => {
    const bed = startDispatcher();
    for (const [id, cut] of [
      ['long-ago', CUT_OFF],
      ['never-sent', makePostResult(undefined)],
    ] as const) {
      const record = await bed.addJob(id, { ...LIVE, createdAtMs: bed.clock.now() });
      const first = bed.posts.length;
      bed.dispatcher.offer(record);
      await bed.untilPosts(first + 1);
      await bed.answer(first, cut);
      if (cut === CUT_OFF) {
        await bed.clock.advance(1000);
        await bed.answer(first + 1, DELIVERED);
        await bed.clock.advance(14_000);
      }
      const last = bed.posts.length;
      await bed.change(record, ENDED);
      await bed.clock.advance(0);
      await bed.answer(last, DELIVERED);
      expect(bed.peek(record)?.delivery.settled).toBe('delivered');
    }
    await bed.close();
  });

  it('end with the final one twice after a takeover, whoever was told what before', async () => {
    const bed = startDispatcher();
    const live = await bed.addJob('live', LIVE);
    const ended = await bed.addJob('ended');
    const tried = await bed.addJob('tried', { delivery: { ...NO_DELIVERY, attemptCount: 1 } });
    await bed.clock.advance(1000);
    bed.takeOver();
    for (const record of [ended, tried, live]) bed.dispatcher.offer(record);
    await bed.untilPosts(2);
    await bed.clock.advance(5000);
    await bed.change(live, ENDED);
    await bed.untilPosts(3);
    for (const index of [0, 1, 2]) await bed.answer(index, DELIVERED);
    // Who tried an end before has said whether it is to be repeated.
    expect(bed.peek(tried)?.delivery.settled).toBe('delivered');
    for (const record of [ended, live]) {
      expect(bed.peek(record)?.delivery.nextAttemptAtMs).toBe(NOW_MS + 16_000);
    }
    await bed.clock.advance(10_000);
    await bed.untilPosts(5);
    for (const index of [3, 4]) await bed.answer(index, DELIVERED);
    for (const record of [ended, live]) {
      expect(bed.peek(record)?.delivery).toMatchObject({ settled: 'delivered', attemptCount: 2 });
    }
    await bed.clock.advance(3_600_000);
    expect(bed.posts).toHaveLength(5);
    await bed.close();
  });

  it('count on above what was sent before a job was forgotten, under new ids', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job', LIVE);
    bed.dispatcher.offer(record);
    await bed.untilPosts(1);
    await bed.answer(0, DELIVERED);
    bed.dispatcher.forget(record.name);
    bed.dispatcher.offer(record);
    await bed.untilPosts(2);
    expect(bed.event(1).sequence).toBeGreaterThan(bed.event(0).sequence);
    expect(bed.id(1)).not.toBe(bed.id(0));
    await bed.answer(1, DELIVERED);
    await bed.close();
  });

  it('are no updates once it has ended while its webhook was looked up', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job', LIVE);
    const payload = Promise.withResolvers<JobPayload>();
    vi.spyOn(bed.store, 'readPayload').mockReturnValueOnce(payload.promise);
    bed.dispatcher.offer(record);
    await vi.waitFor(() => expect(bed.store.readPayload).toHaveBeenCalledTimes(1));
    await bed.change(record, ENDED);
    payload.resolve({ ...makePayload(), callback: CALLBACK });
    await bed.untilPosts(1);
    await bed.answer(0, FAILED);
    expect(bed.peek(record)?.delivery.attemptCount).toBe(1);
    await bed.clock.advance(2000);
    expect(bed.statuses()).toEqual(['succeeded', 'succeeded']);
    await bed.answer(1, DELIVERED);
    await bed.close();
  });

  it('of a job whose namesake vanished are its own', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job');
    bed.dispatcher.offer(record);
    await bed.untilPosts(1);
    await bed.store.delete(record);
    bed.dispatcher.forget(record.name);
    const next = await bed.addJob('job');
    bed.dispatcher.offer(next);
    await bed.answer(0, DELIVERED);
    await bed.untilPosts(2);
    await bed.answer(1, DELIVERED);
    expect(bed.peek(next)?.delivery.settled).toBe('delivered');
    await bed.close();
  });
});

describe('an end', () => {
  it('is looked up before it is sent, since what is known may lag behind', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job');
    const delivery = { ...record.delivery, settled: 'delivered' as const };
    vi.spyOn(bed.store, 'getLive').mockResolvedValue({ ...record, delivery });
    bed.dispatcher.offer(record);
    await bed.clock.advance(1000);
    await bed.close();
    expect(bed.posts).toEqual([]);
  });

  it('is not sent before its time, as another process may have planned it', async () => {
    const bed = startDispatcher();
    const nextAttemptAtMs = NOW_MS + 5000;
    const record = await bed.addJob('job');
    const delivery = { ...record.delivery, attemptCount: 3, nextAttemptAtMs };
    const tried = await bed.store.update(record, { delivery });
    bed.dispatcher.offer(record);
    await bed.clock.advance(4999);
    expect(bed.posts).toEqual([]);
    await bed.clock.advance(1);
    expect(bed.posts).toHaveLength(1);
    expect(tried).toBe(bed.peek(record));
    await bed.close();
  });

  it('is sent once for each replay, though that was asked for by a clock that is ahead', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job', {
      delivery: { ...NO_DELIVERY, replayedAtMs: NOW_MS + 60_000 },
    });
    bed.dispatcher.offer(record);
    await bed.untilPosts(1);
    await bed.answer(0, DELIVERED);
    expect(bed.peek(record)?.delivery.settled).toBe('delivered');
    await bed.close();
    expect(bed.posts).toHaveLength(1);
  });

  it('goes on from what is due when its job is replayed while it is sent', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job');
    bed.dispatcher.offer(record);
    await bed.untilPosts(1);
    const replayed = await bed.store.update(record, {
      delivery: { ...NO_DELIVERY, replayedAtMs: NOW_MS },
    });
    if (replayed !== undefined) bed.dispatcher.offer(replayed);
    await bed.answer(0, DELIVERED);
    await bed.untilPosts(2);
    await bed.answer(1, DELIVERED);
    expect(bed.peek(record)?.delivery).toMatchObject({ settled: 'delivered', attemptCount: 2 });
    await bed.close();
  });

  it('is given up when nobody knows any more where it was to go', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job');
    vi.spyOn(bed.store, 'readPayload').mockResolvedValue(undefined);
    bed.dispatcher.offer(record);
    await vi.waitFor(() => expect(bed.peek(record)?.delivery.settled).toBe('expired'));
    await bed.close();
    expect(bed.posts).toEqual([]);
  });

  it('is tried again when it could not be read, sooner or later', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job');
    vi.spyOn(bed.store, 'getLive').mockRejectedValueOnce(new Error('unreachable'));
    bed.dispatcher.offer(record);
    await bed.clock.advance(999);
    expect(bed.posts).toEqual([]);
    await bed.clock.advance(1);
    expect(bed.posts).toHaveLength(1);
    await bed.close();
  });
});

describe('an update', () => {
  it('that failed is replaced by the next heartbeat, however long its receiver asked to wait', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job', LIVE);
    bed.dispatcher.offer(record);
    await bed.untilPosts(1);
    await bed.answer(0, makePostResult(503, { retryAfterMs: 600_000 }));
    await bed.clock.advance(53_000);
    expect(bed.posts).toHaveLength(1);
    await bed.clock.advance(7000);
    expect(bed.posts).toHaveLength(2);
    expect(bed.id(1)).not.toBe(bed.id(0));
    await bed.close();
  });

  it('that may not be sent is not tried again', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job', LIVE);
    bed.dispatcher.offer(record);
    await bed.untilPosts(1);
    await bed.answer(0, makePostResult(undefined, { isRefused: true }));
    await bed.clock.advance(53_000);
    expect(bed.posts).toHaveLength(1);
    await bed.close();
  });

  it('that is asked for again long after a takeover is sent at once', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job', LIVE);
    await bed.clock.advance(1000);
    bed.takeOver();
    await bed.clock.advance(60_000);
    const delivery = { ...NO_DELIVERY, replayedAtMs: bed.clock.now() };
    const replayed = await bed.store.update(record, { delivery });
    if (replayed !== undefined) bed.dispatcher.offer(replayed);
    await bed.untilPosts(1);
    await bed.close();
  });

  it('comes when its own job is due, not when a namesake before it was', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job', LIVE);
    bed.dispatcher.offer(record);
    await bed.untilPosts(1);
    await bed.answer(0, DELIVERED);
    await bed.clock.advance(50_000);
    await bed.store.delete(record);
    bed.dispatcher.forget(record.name);
    bed.dispatcher.offer(await bed.addJob('job', { ...LIVE, createdAtMs: bed.clock.now() }));
    await bed.untilPosts(2);
    await bed.answer(1, DELIVERED);
    await bed.clock.advance(50_000);
    expect(bed.posts).toHaveLength(2);
    await bed.close();
  });
});

describe('the circuit of a receiver', () => {
  it.each([
    ['updates', LIVE],
    ['final events', {}],
  ])('is opened by %s that fail', async (_, changes) => {
    const bed = startDispatcher();
    for (let n = 0; n < 5; n += 1) {
      bed.dispatcher.offer(await bed.addJob(`job-${n}`, changes));
      await bed.untilPosts(n + 1);
      await bed.answer(n, makePostResult(500, { retryAfterMs: 3600_000 }));
    }
    bed.dispatcher.offer(await bed.addJob('last', { createdAtMs: bed.clock.now() }));
    await bed.clock.advance(29_999);
    expect(bed.posts).toHaveLength(5);
    await bed.clock.advance(1);
    expect(bed.posts).toHaveLength(6);
    await bed.close();
  });
});

describe('a 410 to an update', () => {
  it('settles for good, also when a newer state has come meanwhile', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job', LIVE);
    bed.dispatcher.offer(record);
    await bed.untilPosts(1);
    await bed.change(record, { ...RUNNING, reason: 'PENDING' });
    await bed.answer(0, GONE);
    expect(bed.peek(record)?.delivery.settled).toBe('gone');
    await bed.clock.advance(120_000);
    await bed.close();
    expect(bed.posts).toHaveLength(1);
  });

  it('is not asked for again when it could not be recorded', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job', LIVE);
    const unreachable = vi.spyOn(bed.store, 'update').mockRejectedValue(new Error('unreachable'));
    bed.dispatcher.offer(record);
    await bed.untilPosts(1);
    await bed.answer(0, GONE);
    await vi.waitFor(() => expect(unreachable).toHaveBeenCalled());
    await bed.clock.advance(120_000);
    unreachable.mockRestore();
    await bed.clock.advance(60_000);
    expect(bed.peek(record)?.delivery).toMatchObject({ settled: 'gone', attemptCount: 1 });
    await bed.close();
    expect(bed.posts).toHaveLength(1);
  });
});

it('loses no permit to a job that has nothing to send', async () => {
  const bed = startDispatcher();
  const filtered = { ...CALLBACK, eventFilter: ['succeeded' as const] };
  for (let n = 0; n < 20; n += 1) {
    bed.dispatcher.offer(await bed.addJob(`job-${n}`, LIVE, filtered));
    await bed.clock.advance(0);
  }
  bed.dispatcher.offer(await bed.addJob('last'));
  await bed.untilPosts(1);
  await bed.close();
});

it('loses no permit to a job that was deleted while it waited for one', async () => {
  const bed = startDispatcher();
  const records: JobRecord[] = [];
  for (let n = 0; n < 32; n += 1) records.push(await bed.addJob(`job-${n}`));
  for (const record of records) bed.dispatcher.offer(record);
  await bed.untilPosts(16);
  for (const record of records.slice(16)) {
    await bed.store.delete(record);
    bed.dispatcher.forget(record.name);
  }
  for (let n = 0; n < 16; n += 1) await bed.answer(n, DELIVERED);
  bed.dispatcher.offer(await bed.addJob('last'));
  await bed.untilPosts(17);
  await bed.answer(16, DELIVERED);
  await bed.close();
});

describe('what cannot be read', () => {
  it('is tried again ever later, at most every half a minute, and told in the log', async () => {
    const logged: string[] = [];
    const bed = startDispatcher({ logged });
    const record = await bed.addJob('job', LIVE);
    const readAtMs: number[] = [];
    const read = vi.spyOn(bed.store, 'readPayload').mockImplementation(async () => {
      readAtMs.push(bed.clock.now() - NOW_MS);
      throw new Error('unreachable');
    });
    bed.dispatcher.offer(record);
    await bed.clock.advance(100_000);
    expect(readAtMs).toEqual([0, 1000, 3000, 7000, 15_000, 31_000, 61_000, 91_000]);
    expect(JSON.parse(logged[0] ?? '')).toMatchObject({
      ...{ msg: 'delivery failed, retrying', job: record.name, err: { message: 'unreachable' } },
    });
    read.mockRestore();
    await bed.clock.advance(21_000);
    await bed.untilPosts(1);
    await bed.close();
  });
});

describe('a job', () => {
  it('that is settled is sent nothing more', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job', LIVE);
    bed.dispatcher.offer(record);
    await bed.untilPosts(1);
    await bed.answer(0, FAILED);
    const delivery = { ...NO_DELIVERY, settled: 'gone' as const };
    const settled = await bed.store.update(bed.peek(record) as JobRecord, { delivery });
    if (settled !== undefined) bed.dispatcher.offer(settled);
    await bed.clock.advance(120_000);
    expect(bed.posts).toHaveLength(1);
    await bed.close();
  });

  it('of which only the record has vanished is sent nothing more', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job', LIVE);
    bed.dispatcher.offer(record);
    await bed.untilPosts(1);
    await bed.answer(0, FAILED);
    await bed.store.delete(record);
    await bed.clock.advance(120_000);
    expect(bed.posts).toHaveLength(1);
    await bed.close();
  });
});

it('loses no permit to a leadership that was lost unnoticed', async () => {
  const bed = startDispatcher();
  bed.loseLeadershipUnnoticed();
  for (let n = 0; n < 20; n += 1) bed.dispatcher.offer(await bed.addJob(`job-${n}`));
  await bed.clock.advance(1000);
  expect(bed.posts).toEqual([]);
  bed.takeOver();
  bed.dispatcher.offer(await bed.addJob('last'));
  await bed.untilPosts(1);
  await bed.close();
});

it('waits for nothing any more once leadership is lost', async () => {
  const bed = startDispatcher();
  bed.dispatcher.offer(await bed.addJob('job', LIVE));
  await bed.untilPosts(1);
  await bed.answer(0, DELIVERED);
  expect(bed.clock.timerCount).toBe(1);
  bed.loseLeadership();
  expect(bed.clock.timerCount).toBe(0);
  await bed.close();
});

describe('closing', () => {
  it('waits for everything that is on its way, and leaves no timer', async () => {
    const bed = startDispatcher();
    const records = [await bed.addJob('one'), await bed.addJob('two', LIVE)];
    for (const record of records) bed.dispatcher.offer(record);
    await bed.untilPosts(2);
    let isClosed = false;
    const closed = bed.dispatcher.close().then(() => {
      isClosed = true;
    });
    await bed.answer(0, DELIVERED);
    await bed.clock.advance(1000);
    expect(isClosed).toBe(false);
    await bed.answer(1, DELIVERED);
    await closed;
    expect(bed.peek(records[0] as JobRecord)?.delivery.settled).toBe('delivered');
    expect(bed.clock.timerCount).toBe(0);
  });

  it('cuts off what is on its way, and does not blame the receiver for that', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job');
    bed.dispatcher.offer(record);
    await bed.untilPosts(1);
    const closed = bed.dispatcher.close();
    await bed.clock.advance(2000);
    await closed;
    expect(bed.peek(record)).toEqual(record);
  });

  it('waits for what is answered in time, and records it', async () => {
    const bed = startDispatcher();
    const record = await bed.addJob('job');
    bed.dispatcher.offer(record);
    await bed.untilPosts(1);
    const closed = bed.dispatcher.close();
    await bed.answer(0, DELIVERED);
    await closed;
    expect(bed.peek(record)?.delivery.settled).toBe('delivered');
  });

  it('sends nothing more, and is harmless when repeated', async () => {
    const bed = startDispatcher();
    await bed.close();
    await bed.close();
    bed.dispatcher.offer(await bed.addJob('job'));
    await bed.clock.advance(60_000);
    expect(bed.posts).toEqual([]);
  });
});
