import { beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '../test/fake-clock.ts';
import { DeadlineQueue } from './deadline-queue.ts';

let clock: FakeClock;
let due: string[];
let queue: DeadlineQueue;
const at = (offsetMs: number) => clock.now() + offsetMs;

beforeEach(() => {
  clock = new FakeClock();
  due = [];
  queue = new DeadlineQueue(clock, (key) => due.push(key));
});

describe('keys come due', () => {
  test('in the order of their deadlines, each once and not before', async () => {
    queue.set('late', at(200));
    queue.set('early', at(100));
    await clock.advance(99);
    expect(due).toEqual([]);
    await clock.advance(1);
    expect(due).toEqual(['early']);
    await clock.advance(1000);
    expect(due).toEqual(['early', 'late']);
    expect(queue.size).toBe(0);
  });

  test('at once for a time that is past', async () => {
    queue.set('past', at(-1000));
    await clock.advance(0);
    expect(due).toEqual(['past']);
  });

  test('at the newest deadline only', async () => {
    queue.set('later', at(100));
    queue.set('later', at(300));
    queue.set('sooner', at(300));
    queue.set('sooner', at(100));
    await clock.advance(200);
    expect(due).toEqual(['sooner']);
    await clock.advance(200);
    expect(due).toEqual(['sooner', 'later']);
  });

  test('at the earlier of two with setEarlier', async () => {
    queue.set('a', at(100));
    queue.setEarlier('a', at(300));
    queue.set('b', at(300));
    queue.setEarlier('b', at(100));
    queue.setEarlier('c', at(100));
    await clock.advance(100);
    expect(due.sort()).toEqual(['a', 'b', 'c']);
    await clock.advance(1000);
    expect(due).toHaveLength(3);
  });

  test('never after they were removed or cleared', async () => {
    queue.set('a', at(100));
    queue.set('b', at(200));
    queue.remove('a');
    queue.remove('unknown');
    await clock.advance(150);
    queue.clear();
    await clock.advance(1000);
    expect(due).toEqual([]);
    expect(clock.timerCount).toBe(0);
    queue.set('c', at(10));
    await clock.advance(10);
    expect(due).toEqual(['c']);
  });
});

test('a key that is set again while it comes due comes due again', async () => {
  const times: number[] = [];
  const again = new DeadlineQueue(clock, (key) => {
    times.push(clock.monotonic());
    if (times.length < 3) again.set(key, at(100));
  });
  again.set('a', at(100));
  await clock.advance(1000);
  expect(times).toEqual([100, 200, 300]);
});

test('what comes due may clear the queue', async () => {
  const seen: string[] = [];
  const clearing = new DeadlineQueue(clock, (key) => {
    seen.push(key);
    clearing.clear();
  });
  clearing.set('a', at(100));
  clearing.set('b', at(100));
  await clock.advance(1000);
  expect(seen).toHaveLength(1);
  expect(clock.timerCount).toBe(0);
});

test('a hundred thousand keys share one timer', async () => {
  for (let index = 0; index < 100_000; index += 1) queue.set(`k${index}`, at(index % 1000));
  expect(queue.size).toBe(100_000);
  expect(clock.timerCount).toBe(1);
  queue.set('first', at(-1));
  expect(clock.timerCount).toBe(1);
});

test('setting one key for ever keeps its newest deadline', async () => {
  for (let index = 1; index <= 1000; index += 1) queue.set('a', at(index));
  expect(clock.timerCount).toBe(1);
  await clock.advance(999);
  expect(due).toEqual([]);
  await clock.advance(1);
  expect(due).toEqual(['a']);
});

test('a timer that fires too early is set again', async () => {
  let fire: () => void = () => {};
  let nowMs = 0;
  const early = new DeadlineQueue(
    {
      now: () => nowMs,
      monotonic: () => nowMs,
      schedule: (_delayMs, callback) => {
        fire = callback;
        return () => {};
      },
    },
    (key) => due.push(key),
  );
  early.set('a', 5_000_000_000);
  nowMs = 2_147_483_647;
  fire();
  expect(due).toEqual([]);
  nowMs = 5_000_000_000;
  fire();
  expect(due).toEqual(['a']);
});
