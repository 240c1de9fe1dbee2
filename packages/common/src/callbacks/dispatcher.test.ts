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
    const fixture = startDispatcher();
    const record = await fixture.addJob('job');
    const readPayload = vi.spyOn(fixture.store, 'readPayload');
    fixture.loseLeadership();
    fixture.dispatcher.offer(record);
    await fixture.clock.advance(60_000);
    await fixture.close();
    expect(fixture.posts).toEqual([]);
    expect(readPayload).not.toHaveBeenCalled();
  });

  it.each([
    ['an update', LIVE],
    ['a final event', {}],
  ])('is asked once more immediately before %s goes out', async (_, changes) => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job', changes);
    const payload = Promise.withResolvers<JobPayload>();
    vi.spyOn(fixture.store, 'readPayload').mockReturnValueOnce(payload.promise);
    const read = vi.spyOn(fixture.store, 'getLive');
    fixture.dispatcher.offer(record);
    await vi.waitFor(() => expect(fixture.store.readPayload).toHaveBeenCalledTimes(1));
    read.mockImplementationOnce(async () => {
      fixture.loseLeadershipUnnoticed();
      return record;
    });
    if (record.state.endedAtMs === undefined) fixture.loseLeadershipUnnoticed();
    payload.resolve({ ...makePayload(), callback: CALLBACK });
    await fixture.clock.advance(1000);
    expect(fixture.posts).toEqual([]);
    await fixture.close();
  });

  it('that was lost and won again does not repeat an end that could not be recorded', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job');
    const unreachable = vi
      .spyOn(fixture.store, 'update')
      .mockRejectedValue(new Error('unreachable'));
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    fixture.loseLeadership();
    await fixture.answer(0, DELIVERED);
    await vi.waitFor(() => expect(unreachable).toHaveBeenCalled());
    unreachable.mockRestore();

    fixture.takeOver();
    fixture.dispatcher.offer(record);
    await vi.waitFor(() => expect(fixture.peek(record)?.delivery.settled).toBe('delivered'));
    await fixture.close();
    expect(fixture.posts).toHaveLength(1);
  });

  it('that was lost while an end was read leaves it to the next', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job', {
      delivery: { ...NO_DELIVERY, attemptCount: 1 },
    });
    const read = Promise.withResolvers<JobRecord>();
    vi.spyOn(fixture.store, 'getLive').mockReturnValueOnce(read.promise);
    vi.spyOn(fixture.store, 'update').mockRejectedValueOnce(new Error('unreachable'));
    fixture.dispatcher.offer(record);
    await vi.waitFor(() => expect(fixture.store.getLive).toHaveBeenCalledTimes(1));
    fixture.loseLeadership();
    fixture.takeOver();
    fixture.dispatcher.offer(record);
    read.resolve(record);
    await fixture.untilPosts(1);
    await fixture.answer(0, DELIVERED);
    await fixture.clock.advance(60_000);
    await fixture.close();
    expect(fixture.posts).toHaveLength(1);
    expect(fixture.peek(record)?.delivery.settled).toBe('delivered');
  });

  it('that was lost and won again sends nothing beside what is on its way still', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job', LIVE);
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    fixture.loseLeadership();
    fixture.takeOver();
    await fixture.change(record, ENDED);
    await fixture.clock.advance(1000);
    expect(fixture.posts).toHaveLength(1);
    await fixture.answer(0, DELIVERED);
    expect(fixture.statuses()).toEqual(['running', 'succeeded']);
    await fixture.close();
  });
});

describe('a takeover', () => {
  it('leaves an end alone that another leader has settled meanwhile', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job');
    fixture.loseLeadership();
    const delivery = { ...record.delivery, settled: 'delivered' as const };
    const settled = await fixture.store.update(record, { delivery });
    fixture.takeOver();
    if (settled !== undefined) fixture.dispatcher.offer(settled);
    await fixture.close();
    expect(fixture.posts).toEqual([]);
  });

  it('spreads the updates of live jobs evenly over an interval, and tells new ones at once', async () => {
    let state = 1;
    const random = () => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    const fixture = startDispatcher({ random });
    const records: JobRecord[] = [];
    for (let n = 0; n < 600; n += 1) {
      const webhookUrl = `https://${n}.test/`;
      records.push(
        await fixture.addJob(
          `job-${n}`,
          { ...LIVE, webhookOrigin: `https://${n}.test` },
          { ...CALLBACK, webhookUrl },
        ),
      );
    }
    await fixture.clock.advance(1000);
    fixture.takeOver();
    for (const record of records) fixture.dispatcher.offer(record);
    fixture.dispatcher.offer(
      await fixture.addJob('new', { state: RUNNING, createdAtMs: NOW_MS + 1000 }),
    );
    const counts: number[] = [];
    let answered = 0;
    for (let tenth = 0; tenth < 10; tenth += 1) {
      const before = fixture.posts.length;
      await fixture.clock.advance(6000);
      for (; answered < fixture.posts.length; answered += 1)
        await fixture.answer(answered, DELIVERED);
      counts.push(fixture.posts.length - before);
    }
    expect(fixture.posts[0]?.url).toBe(CALLBACK.webhookUrl);
    expect(counts.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(601);
    for (const count of counts.slice(0, 9)) {
      expect(count).toBeGreaterThan(30);
      expect(count).toBeLessThan(90);
    }
    await fixture.close();
  });

  it('reads nothing of a job before its turn, where its record names the origin', async () => {
    const fixture = startDispatcher();
    const readPayload = vi.spyOn(fixture.store, 'readPayload');
    const records = [];
    for (let n = 0; n < 40; n += 1) records.push(await fixture.addJob(`job-${n}`));
    fixture.takeOver();
    for (const record of records) fixture.dispatcher.offer(record);
    await fixture.untilPosts(16);
    expect(readPayload).toHaveBeenCalledTimes(16);
    await fixture.clock.advance(0);
    await fixture.close();
  });

  it('counts records of earlier versions, which name no origin, against their own all the same', async () => {
    const fixture = startDispatcher();
    for (let n = 0; n < 40; n += 1) {
      fixture.dispatcher.offer(await fixture.addJob(`job-${n}`, { webhookOrigin: undefined }));
    }
    await fixture.untilPosts(16);
    await fixture.clock.advance(1000);
    expect(fixture.posts).toHaveLength(16);
    const webhookUrl = 'https://other.test/';
    const other = { ...CALLBACK, webhookUrl };
    fixture.dispatcher.offer(await fixture.addJob('other', { webhookOrigin: undefined }, other));
    await fixture.untilPosts(17);
    expect(fixture.posts[16]?.url).toBe(webhookUrl);
    await fixture.close();
  });

  it('also concerns what comes into the cache only after it', async () => {
    const fixture = startDispatcher();
    await fixture.clock.advance(1000);
    fixture.takeOver();
    const record = await fixture.addJob('job');
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    await fixture.answer(0, DELIVERED);
    expect(fixture.peek(record)?.delivery.nextAttemptAtMs).toBe(NOW_MS + 16_000);
    await fixture.close();
  });
});

describe('the events of a job', () => {
  it('are never two at a time: an end waits until the update before it was answered', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job', LIVE);
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    await fixture.change(record, ENDED);
    await fixture.clock.advance(14_999);
    expect(fixture.statuses()).toEqual(['running']);
    await fixture.answer(0, FAILED);
    expect(fixture.statuses()).toEqual(['running', 'succeeded']);
    await fixture.answer(1, DELIVERED);
    expect(fixture.peek(record)?.delivery).toMatchObject({ settled: 'delivered', attemptCount: 1 });
    await fixture.clock.advance(120_000);
    expect(fixture.posts).toHaveLength(2);
    await fixture.close();
  });

  it('are never two at a time: a change waits as well, and only the newest is told', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job', LIVE);
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    await fixture.change(record, { ...RUNNING, reason: 'PENDING' });
    await fixture.change(record, { ...RUNNING, reason: 'QUEUED' });
    await fixture.clock.advance(1000);
    expect(fixture.posts).toHaveLength(1);
    await fixture.answer(0, FAILED);
    expect(fixture.posts).toHaveLength(2);
    expect(fixture.event(1)).toMatchObject({ reason: 'QUEUED' });
    await fixture.clock.advance(2000);
    await fixture.answer(1, DELIVERED);
    await fixture.clock.advance(50_000);
    // The first is overtaken, and its retry with it.
    expect(fixture.posts).toHaveLength(2);
    await fixture.close();
  });

  it('end with the final one twice where an update was cut off, the second 15 s after that', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job', LIVE);
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    await fixture.clock.advance(15_000);
    await fixture.answer(0, CUT_OFF);
    await fixture.change(record, ENDED);
    await fixture.clock.advance(4000);
    expect(fixture.statuses()).toEqual(['running', 'succeeded']);
    await fixture.answer(1, DELIVERED);
    expect(fixture.peek(record)?.delivery).toMatchObject({
      settled: undefined,
      nextAttemptAtMs: NOW_MS + 30_000,
    });
    await fixture.clock.advance(10_999);
    expect(fixture.posts).toHaveLength(2);
    await fixture.clock.advance(1);
    expect(fixture.posts).toHaveLength(3);
    expect([fixture.posts[2]?.body, fixture.id(2)]).toEqual([
      fixture.posts[1]?.body,
      fixture.id(1),
    ]);
    await fixture.answer(2, DELIVERED);
    expect(fixture.peek(record)?.delivery).toMatchObject({ settled: 'delivered', attemptCount: 2 });
    await fixture.clock.advance(3_600_000);
    expect(fixture.posts).toHaveLength(3);
    await fixture.close();
  });

  it('end with the final one once where the cut is longer ago, or where nothing was sent', async () => {
    const fixture = startDispatcher();
    for (const [id, cut] of [
      ['long-ago', CUT_OFF],
      ['never-sent', makePostResult(undefined)],
    ] as const) {
      const record = await fixture.addJob(id, { ...LIVE, createdAtMs: fixture.clock.now() });
      const first = fixture.posts.length;
      fixture.dispatcher.offer(record);
      await fixture.untilPosts(first + 1);
      await fixture.answer(first, cut);
      if (cut === CUT_OFF) {
        await fixture.clock.advance(1000);
        await fixture.answer(first + 1, DELIVERED);
        await fixture.clock.advance(14_000);
      }
      const last = fixture.posts.length;
      await fixture.change(record, ENDED);
      await fixture.clock.advance(0);
      await fixture.answer(last, DELIVERED);
      expect(fixture.peek(record)?.delivery.settled).toBe('delivered');
    }
    await fixture.close();
  });

  it('end with the final one twice after a takeover, whoever was told what before', async () => {
    const fixture = startDispatcher();
    const live = await fixture.addJob('live', LIVE);
    const ended = await fixture.addJob('ended');
    const tried = await fixture.addJob('tried', { delivery: { ...NO_DELIVERY, attemptCount: 1 } });
    await fixture.clock.advance(1000);
    fixture.takeOver();
    for (const record of [ended, tried, live]) fixture.dispatcher.offer(record);
    await fixture.untilPosts(2);
    await fixture.clock.advance(5000);
    await fixture.change(live, ENDED);
    await fixture.untilPosts(3);
    for (const index of [0, 1, 2]) await fixture.answer(index, DELIVERED);
    // Who tried an end before has said whether it is to be repeated.
    expect(fixture.peek(tried)?.delivery.settled).toBe('delivered');
    for (const record of [ended, live]) {
      expect(fixture.peek(record)?.delivery.nextAttemptAtMs).toBe(NOW_MS + 16_000);
    }
    await fixture.clock.advance(10_000);
    await fixture.untilPosts(5);
    for (const index of [3, 4]) await fixture.answer(index, DELIVERED);
    for (const record of [ended, live]) {
      expect(fixture.peek(record)?.delivery).toMatchObject({
        settled: 'delivered',
        attemptCount: 2,
      });
    }
    await fixture.clock.advance(3_600_000);
    expect(fixture.posts).toHaveLength(5);
    await fixture.close();
  });

  it('count on above what was sent before a job was forgotten, under new ids', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job', LIVE);
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    await fixture.answer(0, DELIVERED);
    fixture.dispatcher.forget(record.name);
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(2);
    expect(fixture.event(1).sequence).toBeGreaterThan(fixture.event(0).sequence);
    expect(fixture.id(1)).not.toBe(fixture.id(0));
    await fixture.answer(1, DELIVERED);
    await fixture.close();
  });

  it('are no updates once it has ended while its webhook was looked up', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job', LIVE);
    const payload = Promise.withResolvers<JobPayload>();
    vi.spyOn(fixture.store, 'readPayload').mockReturnValueOnce(payload.promise);
    fixture.dispatcher.offer(record);
    await vi.waitFor(() => expect(fixture.store.readPayload).toHaveBeenCalledTimes(1));
    await fixture.change(record, ENDED);
    payload.resolve({ ...makePayload(), callback: CALLBACK });
    await fixture.untilPosts(1);
    await fixture.answer(0, FAILED);
    expect(fixture.peek(record)?.delivery.attemptCount).toBe(1);
    await fixture.clock.advance(2000);
    expect(fixture.statuses()).toEqual(['succeeded', 'succeeded']);
    await fixture.answer(1, DELIVERED);
    await fixture.close();
  });

  it('of a job whose namesake vanished are its own', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job');
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    await fixture.store.delete(record);
    fixture.dispatcher.forget(record.name);
    const next = await fixture.addJob('job');
    fixture.dispatcher.offer(next);
    await fixture.answer(0, DELIVERED);
    await fixture.untilPosts(2);
    await fixture.answer(1, DELIVERED);
    expect(fixture.peek(next)?.delivery.settled).toBe('delivered');
    await fixture.close();
  });
});

describe('an end', () => {
  it('is looked up before it is sent, since what is known may lag behind', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job');
    const delivery = { ...record.delivery, settled: 'delivered' as const };
    vi.spyOn(fixture.store, 'getLive').mockResolvedValue({ ...record, delivery });
    fixture.dispatcher.offer(record);
    await fixture.clock.advance(1000);
    await fixture.close();
    expect(fixture.posts).toEqual([]);
  });

  it('is not sent before its time, as another process may have planned it', async () => {
    const fixture = startDispatcher();
    const nextAttemptAtMs = NOW_MS + 5000;
    const record = await fixture.addJob('job');
    const delivery = { ...record.delivery, attemptCount: 3, nextAttemptAtMs };
    const tried = await fixture.store.update(record, { delivery });
    fixture.dispatcher.offer(record);
    await fixture.clock.advance(4999);
    expect(fixture.posts).toEqual([]);
    await fixture.clock.advance(1);
    expect(fixture.posts).toHaveLength(1);
    expect(tried).toBe(fixture.peek(record));
    await fixture.close();
  });

  it('is sent once for each replay, though that was asked for by a clock that is ahead', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job', {
      delivery: { ...NO_DELIVERY, replayedAtMs: NOW_MS + 60_000 },
    });
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    await fixture.answer(0, DELIVERED);
    expect(fixture.peek(record)?.delivery.settled).toBe('delivered');
    await fixture.close();
    expect(fixture.posts).toHaveLength(1);
  });

  it('goes on from what is due when its job is replayed while it is sent', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job');
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    const replayed = await fixture.store.update(record, {
      delivery: { ...NO_DELIVERY, replayedAtMs: NOW_MS },
    });
    if (replayed !== undefined) fixture.dispatcher.offer(replayed);
    await fixture.answer(0, DELIVERED);
    await fixture.untilPosts(2);
    await fixture.answer(1, DELIVERED);
    expect(fixture.peek(record)?.delivery).toMatchObject({ settled: 'delivered', attemptCount: 2 });
    await fixture.close();
  });

  it('is given up when nobody knows any more where it was to go', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job');
    vi.spyOn(fixture.store, 'readPayload').mockResolvedValue(undefined);
    fixture.dispatcher.offer(record);
    await vi.waitFor(() => expect(fixture.peek(record)?.delivery.settled).toBe('expired'));
    await fixture.close();
    expect(fixture.posts).toEqual([]);
  });

  it('is tried again when it could not be read, sooner or later', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job');
    vi.spyOn(fixture.store, 'getLive').mockRejectedValueOnce(new Error('unreachable'));
    fixture.dispatcher.offer(record);
    await fixture.clock.advance(999);
    expect(fixture.posts).toEqual([]);
    await fixture.clock.advance(1);
    expect(fixture.posts).toHaveLength(1);
    await fixture.close();
  });
});

describe('an update', () => {
  it('that failed is replaced by the next heartbeat, however long its receiver asked to wait', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job', LIVE);
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    await fixture.answer(0, makePostResult(503, { retryAfterMs: 600_000 }));
    await fixture.clock.advance(53_000);
    expect(fixture.posts).toHaveLength(1);
    await fixture.clock.advance(7000);
    expect(fixture.posts).toHaveLength(2);
    expect(fixture.id(1)).not.toBe(fixture.id(0));
    await fixture.close();
  });

  it('that may not be sent is not tried again', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job', LIVE);
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    await fixture.answer(0, makePostResult(undefined, { isRefused: true }));
    await fixture.clock.advance(53_000);
    expect(fixture.posts).toHaveLength(1);
    await fixture.close();
  });

  it('that is asked for again long after a takeover is sent at once', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job', LIVE);
    await fixture.clock.advance(1000);
    fixture.takeOver();
    await fixture.clock.advance(60_000);
    const delivery = { ...NO_DELIVERY, replayedAtMs: fixture.clock.now() };
    const replayed = await fixture.store.update(record, { delivery });
    if (replayed !== undefined) fixture.dispatcher.offer(replayed);
    await fixture.untilPosts(1);
    await fixture.close();
  });

  it('comes when its own job is due, not when a namesake before it was', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job', LIVE);
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    await fixture.answer(0, DELIVERED);
    await fixture.clock.advance(50_000);
    await fixture.store.delete(record);
    fixture.dispatcher.forget(record.name);
    fixture.dispatcher.offer(
      await fixture.addJob('job', { ...LIVE, createdAtMs: fixture.clock.now() }),
    );
    await fixture.untilPosts(2);
    await fixture.answer(1, DELIVERED);
    await fixture.clock.advance(50_000);
    expect(fixture.posts).toHaveLength(2);
    await fixture.close();
  });
});

describe('the circuit of a receiver', () => {
  it.each([
    ['updates', LIVE],
    ['final events', {}],
  ])('is opened by %s that fail', async (_, changes) => {
    const fixture = startDispatcher();
    for (let n = 0; n < 5; n += 1) {
      fixture.dispatcher.offer(await fixture.addJob(`job-${n}`, changes));
      await fixture.untilPosts(n + 1);
      await fixture.answer(n, makePostResult(500, { retryAfterMs: 3600_000 }));
    }
    fixture.dispatcher.offer(await fixture.addJob('last', { createdAtMs: fixture.clock.now() }));
    await fixture.clock.advance(29_999);
    expect(fixture.posts).toHaveLength(5);
    await fixture.clock.advance(1);
    expect(fixture.posts).toHaveLength(6);
    await fixture.close();
  });
});

describe('a 410 to an update', () => {
  it('settles for good, also when a newer state has come meanwhile', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job', LIVE);
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    await fixture.change(record, { ...RUNNING, reason: 'PENDING' });
    await fixture.answer(0, GONE);
    expect(fixture.peek(record)?.delivery.settled).toBe('gone');
    await fixture.clock.advance(120_000);
    await fixture.close();
    expect(fixture.posts).toHaveLength(1);
  });

  it('is not asked for again when it could not be recorded', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job', LIVE);
    const unreachable = vi
      .spyOn(fixture.store, 'update')
      .mockRejectedValue(new Error('unreachable'));
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    await fixture.answer(0, GONE);
    await vi.waitFor(() => expect(unreachable).toHaveBeenCalled());
    await fixture.clock.advance(120_000);
    unreachable.mockRestore();
    await fixture.clock.advance(60_000);
    expect(fixture.peek(record)?.delivery).toMatchObject({
      ...{ settled: 'gone', attemptCount: 0, attempts: [{ status: 410, isUpdate: true }] },
    });
    await fixture.close();
    expect(fixture.posts).toHaveLength(1);
  });
});

it('loses no permit to a job that has nothing to send', async () => {
  const fixture = startDispatcher();
  const filtered = { ...CALLBACK, eventFilter: ['succeeded' as const] };
  for (let n = 0; n < 20; n += 1) {
    fixture.dispatcher.offer(await fixture.addJob(`job-${n}`, LIVE, filtered));
    await fixture.clock.advance(0);
  }
  fixture.dispatcher.offer(await fixture.addJob('last'));
  await fixture.untilPosts(1);
  await fixture.close();
});

it('loses no permit to a job that was deleted while it waited for one', async () => {
  const fixture = startDispatcher();
  const records: JobRecord[] = [];
  for (let n = 0; n < 32; n += 1) records.push(await fixture.addJob(`job-${n}`));
  for (const record of records) fixture.dispatcher.offer(record);
  await fixture.untilPosts(16);
  for (const record of records.slice(16)) {
    await fixture.store.delete(record);
    fixture.dispatcher.forget(record.name);
  }
  for (let n = 0; n < 16; n += 1) await fixture.answer(n, DELIVERED);
  fixture.dispatcher.offer(await fixture.addJob('last'));
  await fixture.untilPosts(17);
  await fixture.answer(16, DELIVERED);
  await fixture.close();
});

describe('what cannot be read', () => {
  it('is tried again ever later, at most every half a minute, and told in the log', async () => {
    const logged: string[] = [];
    const fixture = startDispatcher({ logged });
    const record = await fixture.addJob('job', LIVE);
    const readAtMs: number[] = [];
    const read = vi.spyOn(fixture.store, 'readPayload').mockImplementation(async () => {
      readAtMs.push(fixture.clock.now() - NOW_MS);
      throw new Error('unreachable');
    });
    fixture.dispatcher.offer(record);
    await fixture.clock.advance(100_000);
    expect(readAtMs).toEqual([0, 1000, 3000, 7000, 15_000, 31_000, 61_000, 91_000]);
    expect(JSON.parse(logged[0] ?? '')).toMatchObject({
      ...{ job_id: record.id, backend_job_id: record.name },
      ...{ msg: 'delivery failed, retrying', err: { message: 'unreachable' } },
    });
    read.mockRestore();
    await fixture.clock.advance(21_000);
    await fixture.untilPosts(1);
    await fixture.close();
  });
});

describe('a job', () => {
  it('that is settled is sent nothing more', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job', LIVE);
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    await fixture.answer(0, FAILED);
    const delivery = { ...NO_DELIVERY, settled: 'gone' as const };
    const settled = await fixture.store.update(fixture.peek(record) as JobRecord, { delivery });
    if (settled !== undefined) fixture.dispatcher.offer(settled);
    await fixture.clock.advance(120_000);
    expect(fixture.posts).toHaveLength(1);
    await fixture.close();
  });

  it('of which only the record has vanished is sent nothing more', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job', LIVE);
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    await fixture.answer(0, FAILED);
    await fixture.store.delete(record);
    await fixture.clock.advance(120_000);
    expect(fixture.posts).toHaveLength(1);
    await fixture.close();
  });
});

it('loses no permit to a leadership that was lost unnoticed', async () => {
  const fixture = startDispatcher();
  fixture.loseLeadershipUnnoticed();
  for (let n = 0; n < 20; n += 1) fixture.dispatcher.offer(await fixture.addJob(`job-${n}`));
  await fixture.clock.advance(1000);
  expect(fixture.posts).toEqual([]);
  fixture.takeOver();
  fixture.dispatcher.offer(await fixture.addJob('last'));
  await fixture.untilPosts(1);
  await fixture.close();
});

it('waits for nothing any more once leadership is lost', async () => {
  const fixture = startDispatcher();
  fixture.dispatcher.offer(await fixture.addJob('job', LIVE));
  await fixture.untilPosts(1);
  await fixture.answer(0, DELIVERED);
  expect(fixture.clock.timerCount).toBe(1);
  fixture.loseLeadership();
  expect(fixture.clock.timerCount).toBe(0);
  await fixture.close();
});

describe('closing', () => {
  it('waits for everything that is on its way, and leaves no timer', async () => {
    const fixture = startDispatcher();
    const records = [await fixture.addJob('one'), await fixture.addJob('two', LIVE)];
    for (const record of records) fixture.dispatcher.offer(record);
    await fixture.untilPosts(2);
    let isClosed = false;
    const closed = fixture.dispatcher.close().then(() => {
      isClosed = true;
    });
    await fixture.answer(0, DELIVERED);
    await fixture.clock.advance(1000);
    expect(isClosed).toBe(false);
    await fixture.answer(1, DELIVERED);
    await closed;
    expect(fixture.peek(records[0] as JobRecord)?.delivery.settled).toBe('delivered');
    expect(fixture.clock.timerCount).toBe(0);
  });

  it('cuts off what is on its way, and does not blame the receiver for that', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job');
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    const closed = fixture.dispatcher.close();
    await fixture.clock.advance(2000);
    await closed;
    expect(fixture.peek(record)).toEqual(record);
  });

  it('waits for what is answered in time, and records it', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job');
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    const closed = fixture.dispatcher.close();
    await fixture.answer(0, DELIVERED);
    await closed;
    expect(fixture.peek(record)?.delivery.settled).toBe('delivered');
  });

  it('sends nothing more, and is harmless when repeated', async () => {
    const fixture = startDispatcher();
    await fixture.close();
    await fixture.close();
    fixture.dispatcher.offer(await fixture.addJob('job'));
    await fixture.clock.advance(60_000);
    expect(fixture.posts).toEqual([]);
  });
});
