import { expect, it } from 'vitest';
import { toRefreshDelay } from './refresh-delay.ts';

it('is short after a quiet time, so that a new job that may match shows at once', () => {
  expect(toRefreshDelay(10_000, 15_000)).toBe(200);
  expect(toRefreshDelay(10_000, 70_000)).toBe(200);
});

it('keeps readings of a busy service apart', () => {
  expect(toRefreshDelay(10_000, 10_000)).toBe(5000);
  expect(toRefreshDelay(10_000, 13_000)).toBe(2000);
  expect(toRefreshDelay(10_000, 14_900)).toBe(200);
});

it('is bounded where the clock was set back', () => {
  expect(toRefreshDelay(10_000, 0)).toBe(5000);
});
