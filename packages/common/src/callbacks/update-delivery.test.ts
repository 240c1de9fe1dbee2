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
  const fixture = startDispatcher();
  const record = await fixture.addJob('job', LIVE);
  fixture.dispatcher.offer(record);
  await fixture.untilPosts(1);
  return { fixture, record };
}

it('is told in the log where it is the first failure in a row, whatever failed before and why', async () => {
  const logged: string[] = [];
  const fixture = startDispatcher({ logged, logLevel: 'info' });
  const record = await fixture.addJob('job', LIVE);
  fixture.dispatcher.offer(record);
  const linesAfter = async (index: number, status: number) => {
    await fixture.untilPosts(index + 1);
    await fixture.answer(index, makePostResult(status));
    const lines = logged.splice(0).map((line) => JSON.parse(line));
    return lines.map(({ msg, status }) => `${msg}: ${status}`);
  };
  expect(await linesAfter(0, 500)).toEqual(['callback failed: 500']);
  // Another state of the job is a new update, which the receiver takes no better.
  await fixture.change(record, { ...RUNNING, reason: 'PREEMPTED' });
  expect(await linesAfter(1, 404)).toEqual([]);
  // A heartbeat, since a 404 drops an update.
  await fixture.clock.advance(HEARTBEAT_MS);
  expect(await linesAfter(2, 503)).toEqual([]);
  await fixture.clock.advance(1000);
  expect(await linesAfter(3, 200)).toEqual([]);
  await fixture.clock.advance(HEARTBEAT_MS);
  expect(await linesAfter(4, 404)).toEqual(['callback failed: 404']);
  await fixture.close();
});

describe('an update that failed', () => {
  it('is sent again ever later, with the same id and bytes, until the next heartbeat', async () => {
    const { fixture } = await startUpdate();
    const sentAtMs = [0];
    for (let index = 0; index < 5; index += 1) {
      await fixture.answer(index, FAILED);
      for (let waited = 0; fixture.posts.length === index + 1 && waited < 60_000; waited += 100) {
        await fixture.clock.advance(100);
      }
      sentAtMs.push(fixture.clock.now() - NOW_MS);
      expect([fixture.id(index + 1), fixture.posts[index + 1]?.body]).toEqual([
        fixture.id(0),
        fixture.posts[0]?.body,
      ]);
    }
    // After five failures in a row the receiver gets its pause, too.
    expect(sentAtMs.slice(0, 5)).toEqual([0, 1000, 3000, 7000, 15_000]);
    await fixture.close();
  });

  it('waits as long as its receiver asks, and no longer than until the next heartbeat', async () => {
    const { fixture } = await startUpdate();
    await fixture.answer(0, makePostResult(503, { retryAfterMs: 20_000 }));
    await fixture.clock.advance(19_999);
    expect(fixture.posts).toHaveLength(1);
    await fixture.clock.advance(1);
    expect([fixture.posts.length, fixture.id(1)]).toEqual([2, fixture.id(0)]);
    await fixture.answer(1, makePostResult(503, { retryAfterMs: 600_000 }));
    await fixture.clock.advance(HEARTBEAT_MS - 20_001);
    expect(fixture.posts).toHaveLength(2);
    await fixture.clock.advance(1);
    expect(fixture.posts).toHaveLength(3);
    expect(fixture.id(2)).not.toBe(fixture.id(0));
    await fixture.close();
  });

  it('is counted from the beginning again once there is news', async () => {
    const { fixture, record } = await startUpdate();
    await fixture.answer(0, FAILED);
    await fixture.clock.advance(1000);
    await fixture.answer(1, FAILED);
    await fixture.change(record, { ...RUNNING, reason: 'PENDING' });
    await fixture.untilPosts(3);
    await fixture.answer(2, FAILED);
    await fixture.clock.advance(999);
    expect(fixture.posts).toHaveLength(3);
    await fixture.clock.advance(1);
    expect(fixture.posts).toHaveLength(4);
    await fixture.close();
  });
});

describe('an update', () => {
  it.each([
    ['was taken', DELIVERED],
    ['its receiver will not have', makePostResult(404)],
    ['may not be sent', makePostResult(undefined, { isRefused: true })],
  ])('that %s is followed by the heartbeat alone', async (_, result) => {
    const { fixture } = await startUpdate();
    await fixture.answer(0, result);
    await fixture.clock.advance(HEARTBEAT_MS - 1);
    expect(fixture.posts).toHaveLength(1);
    await fixture.clock.advance(1);
    expect(fixture.posts).toHaveLength(2);
    expect(fixture.event(1).sequence).toBe(2);
    await fixture.close();
  });

  it('is sent of those states alone that the request asks for', async () => {
    const fixture = startDispatcher();
    const filtered = { ...CALLBACK, eventFilter: ['running' as const] };
    const waiting = { ...RUNNING, status: 'submitted' as const, reason: 'PENDING' as const };
    const record = await fixture.addJob('job', { state: waiting }, filtered);
    fixture.dispatcher.offer(record);
    await fixture.clock.advance(HEARTBEAT_MS);
    expect(fixture.posts).toEqual([]);
    await fixture.change(record, RUNNING);
    await fixture.untilPosts(1);
    await fixture.answer(0, DELIVERED);
    await fixture.change(record, ENDED);
    await fixture.untilPosts(2);
    expect(fixture.statuses()).toEqual(['running', 'succeeded']);
    await fixture.close();
  });

  it('is not sent of a job that went while its webhook was looked up', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job', LIVE);
    const payload = Promise.withResolvers<JobPayload>();
    vi.spyOn(fixture.store, 'readPayload').mockReturnValueOnce(payload.promise);
    fixture.dispatcher.offer(record);
    await vi.waitFor(() => expect(fixture.store.readPayload).toHaveBeenCalledTimes(1));
    await fixture.store.delete(record);
    await fixture.addJob('job', { ...LIVE, createdAtMs: NOW_MS });
    payload.resolve({ ...makePayload(), callback: CALLBACK });
    await fixture.clock.advance(1000);
    expect(fixture.posts).toEqual([]);
    await fixture.close();
  });

  it('has another id from another process, though its number is the same', async () => {
    const ids = await Promise.all(
      [0.25, 0.75].map(async (value) => {
        const fixture = startDispatcher({ random: () => value });
        const record = await fixture.addJob('job', LIVE);
        fixture.dispatcher.offer(record);
        await fixture.untilPosts(1);
        await fixture.close();
        return fixture.id(0)?.replace(record.uid, '');
      }),
    );
    expect(new Set(ids).size).toBe(2);
  });
});
