import { expect, it } from 'vitest';
import { toBackoffMs } from './backoff.ts';

const BACKOFF = { firstMs: 100, longestMs: 1000, jitter: [0.5, 1.5] } as const;

it.each([
  [1, 100],
  [2, 200],
  [4, 800],
  [5, 1000],
  [5000, 1000],
])('after %i failures it waits about %i ms', (count, ms) => {
  expect(toBackoffMs(count, BACKOFF, () => 0)).toBe(ms * 0.5);
  expect(toBackoffMs(count, BACKOFF, () => 0.5)).toBe(ms);
  expect(toBackoffMs(count, BACKOFF, () => 1)).toBe(ms * 1.5);
});
