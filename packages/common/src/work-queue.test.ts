import { beforeEach, describe, expect, test } from 'vitest';
import { WorkQueue } from './work-queue.ts';

let begun: string[];
let finish: Map<string, () => void>;

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Work that runs until the test ends it. */
function work(key: string): Promise<void> {
  begun.push(key);
  return new Promise((resolve) => finish.set(key, resolve));
}

async function end(key: string): Promise<void> {
  finish.get(key)?.();
  await turn();
}

beforeEach(() => {
  begun = [];
  finish = new Map();
});

describe('work', () => {
  test('begins in the order of adding, but not inside the caller’s turn', async () => {
    const queue = new WorkQueue(8, work);
    queue.add('a');
    queue.add('b');
    expect(begun).toEqual([]);
    await turn();
    expect(begun).toEqual(['a', 'b']);
  });

  test('never runs twice at once for one key, and again when added meanwhile', async () => {
    const queue = new WorkQueue(8, work);
    queue.add('a');
    await turn();
    queue.add('a');
    queue.add('a');
    await turn();
    expect(begun).toEqual(['a']);
    await end('a');
    expect(begun).toEqual(['a', 'a']);
    await end('a');
    expect(begun).toEqual(['a', 'a']);
  });

  test('runs for so many keys at once and no more', async () => {
    const queue = new WorkQueue(2, work);
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
    await turn();
    expect(begun).toEqual(['a', 'b']);
    await end('b');
    expect(begun).toEqual(['a', 'b', 'c']);
  });

  test('of a waiting key is not held up by one that runs', async () => {
    const queue = new WorkQueue(2, work);
    queue.add('a');
    await turn();
    queue.add('a');
    queue.add('b');
    await turn();
    expect(begun).toEqual(['a', 'b']);
  });

  test('that waits can be forgotten', async () => {
    const queue = new WorkQueue(1, work);
    queue.add('a');
    queue.add('b');
    await turn();
    queue.clear();
    await end('a');
    expect(begun).toEqual(['a']);
    queue.add('c');
    await turn();
    expect(begun).toEqual(['a', 'c']);
  });
});

describe('close', () => {
  test('resolves at once when nothing runs', async () => {
    const queue = new WorkQueue(1, work);
    await queue.close();
    await queue.close();
    queue.add('a');
    await turn();
    expect(begun).toEqual([]);
  });

  test('waits for what runs, starts nothing more, and resolves for every caller', async () => {
    const queue = new WorkQueue(2, work);
    for (const key of ['a', 'b', 'c']) queue.add(key);
    await turn();
    let closed = 0;
    const closings = [queue.close(), queue.close()].map((closing) =>
      closing.then(() => {
        closed += 1;
      }),
    );
    await end('a');
    expect(closed).toBe(0);
    await end('b');
    await Promise.all(closings);
    expect(begun).toEqual(['a', 'b']);
  });
});
