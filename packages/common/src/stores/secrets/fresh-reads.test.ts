import { describe, expect, it } from 'vitest';
import { FreshReads } from './fresh-reads.ts';

describe('FreshReads', () => {
  it('makes two reads for any number of callers, and none is answered from before it came', async () => {
    const started: ((value: string) => void)[] = [];
    const reads = new FreshReads<string>(() => {
      return new Promise((resolve) => started.push(resolve));
    });
    const first = reads.read('a');
    const later = [reads.read('a'), reads.read('a'), reads.read('a')];
    expect(started).toHaveLength(1);
    started[0]?.('old');
    expect(await first).toBe('old');
    expect(started).toHaveLength(2);
    started[1]?.('new');
    expect(await Promise.all(later)).toEqual(['new', 'new', 'new']);
    void reads.read('a');
    void reads.read('b');
    expect(started).toHaveLength(4);
  });

  it('reads again after a failure', async () => {
    let count = 0;
    const reads = new FreshReads<number>(async () => {
      count += 1;
      if (count === 1) throw new Error('down');
      return count;
    });
    const [first, second] = await Promise.allSettled([reads.read('a'), reads.read('a')]);
    expect(first.status).toBe('rejected');
    expect(second).toEqual({ status: 'fulfilled', value: 2 });
  });
});
