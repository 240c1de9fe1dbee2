import { describe, expect, it } from 'vitest';
import { addLogTail, cutTail, type LogTail, MAX_TAIL_BYTES, parseLogTails } from './log-tails.ts';

const makeTail = (attempt: number, text = 'x', atMs = attempt): LogTail => ({
  attempt,
  atMs,
  text,
});

describe('the tails of a job', () => {
  it('are one of each run, by its number', () => {
    const tails = [3, 1, 2].reduce<readonly LogTail[]>(
      (all, n) => addLogTail(all, makeTail(n)),
      [],
    );
    expect(tails.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });

  it('are the newest of a run, whichever replica got it', () => {
    const tails = [makeTail(1, 'newer', 20)];
    expect(addLogTail(tails, makeTail(1, 'older', 10))).toBe(tails);
    expect(addLogTail(tails, makeTail(1, 'newest', 30))).toEqual([makeTail(1, 'newest', 30)]);
  });

  it('are 32 KiB together at most: the oldest goes', () => {
    const text = 'x'.repeat(MAX_TAIL_BYTES);
    const tails = [1, 2, 3, 4, 5].reduce<readonly LogTail[]>(
      (all, attempt) => addLogTail(all, makeTail(attempt, text)),
      [],
    );
    expect(tails.map(({ attempt }) => attempt)).toEqual([3, 4, 5]);
    expect(JSON.stringify({ tails }).length).toBeLessThanOrEqual(32 * 1024);
    // Even where all of it has to be escaped.
    const escaped = addLogTail(tails, makeTail(6, '\u0001'.repeat(MAX_TAIL_BYTES)));
    expect(escaped.map(({ attempt }) => attempt)).toEqual([6]);
  });

  it('are read from a record, where they can be', () => {
    expect(parseLogTails({ tails: [makeTail(1)] })).toEqual([makeTail(1)]);
    expect(parseLogTails({ tails: 'x' })).toEqual([]);
    expect(parseLogTails(undefined)).toEqual([]);
  });
});

it('cuts a text to its last 8 KiB, not inside a character', () => {
  expect(cutTail('short')).toBe('short');
  const cut = cutTail(`€${'x'.repeat(MAX_TAIL_BYTES - 1)}`);
  expect(cut).toBe('x'.repeat(MAX_TAIL_BYTES - 1));
});
