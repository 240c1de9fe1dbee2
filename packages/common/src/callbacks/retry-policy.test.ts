import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  judgeAttempt,
  toFirstHeartbeatDelayMs,
  toHeartbeatDelayMs,
  toLeastAttempts,
  toRetryDelayMs,
} from './retry-policy.ts';

const HOUR_MS = 3_600_000;
const unit = fc.double({ min: 0, max: 1, noNaN: true });

describe('toRetryDelayMs', () => {
  it('doubles from a second to four hours', () => {
    const delays = [1, 2, 3, 4, 14, 15, 16, 99].map((n) => toRetryDelayMs(n, undefined, () => 0.5));
    expect(delays.map((ms) => ms / 1000)).toEqual([1, 2, 4, 8, 8192, 14_400, 14_400, 14_400]);
  });

  it('strays by a quarter at most', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), unit, (count, random) => {
        const middle = toRetryDelayMs(count, undefined, () => 0.5);
        const delay = toRetryDelayMs(count, undefined, () => random);
        expect(delay).toBeGreaterThanOrEqual(middle * 0.75);
        expect(delay).toBeLessThanOrEqual(middle * 1.25);
      }),
    );
  });

  it('is never shorter than the receiver asked for, within six hours', () => {
    expect(toRetryDelayMs(1, 90_000, () => 1)).toBe(90_000);
    expect(toRetryDelayMs(20, 90_000, () => 0.5)).toBe(4 * HOUR_MS);
    expect(toRetryDelayMs(1, 24 * HOUR_MS, () => 0.5)).toBe(6 * HOUR_MS);
  });

  it('is no longer than it may be, unless the receiver asked for more', () => {
    expect(toRetryDelayMs(20, undefined, () => 0.5, 5000)).toBe(5000);
    expect(toRetryDelayMs(20, 90_000, () => 0.5, 5000)).toBe(90_000);
  });

  it('makes about 20 attempts in 28 hours', () => {
    let elapsedMs = 0;
    let count = 1;
    for (; elapsedMs <= 28 * HOUR_MS; count += 1) {
      elapsedMs += toRetryDelayMs(count, undefined, () => 0.5);
    }
    expect(count).toBeGreaterThan(18);
    expect(count).toBeLessThan(25);
  });
});

it('giving up takes as many attempts as a period holds, ten at most', () => {
  const counts = [0, 1, 1.25, 4, 60, 600, 28 * 3600].map((s) => toLeastAttempts(s * 1000));
  expect(counts).toEqual([1, 1, 2, 3, 6, 9, 10]);
});

it('heartbeats come within the interval, and not all at one moment', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1000, max: 86_400_000 }), unit, (intervalMs, random) => {
      const delayMs = toHeartbeatDelayMs(intervalMs, () => random);
      expect(delayMs).toBeLessThanOrEqual(intervalMs);
      expect(delayMs).toBeGreaterThanOrEqual(intervalMs * 0.9);
      expect(toFirstHeartbeatDelayMs(intervalMs, () => random)).toBe(intervalMs * random);
    }),
  );
  expect(toHeartbeatDelayMs(1000, () => 0)).not.toBe(toHeartbeatDelayMs(1000, () => 1));
});

describe('judgeAttempt', () => {
  it.each([
    [undefined, 'retry', 'retry'],
    [200, 'delivered', 'delivered'],
    [204, 'delivered', 'delivered'],
    [299, 'delivered', 'delivered'],
    [300, 'retry', 'retry'],
    [301, 'retry', 'retry'],
    [304, 'retry', 'retry'],
    [400, 'drop', 'retry'],
    [401, 'drop', 'retry'],
    [404, 'drop', 'retry'],
    [410, 'gone', 'gone'],
    [429, 'drop', 'retry'],
    [500, 'retry', 'retry'],
    [503, 'retry', 'retry'],
  ])('%s: an update is %s, a final event is %s', (status, update, final) => {
    expect(judgeAttempt(status, 'update')).toBe(update);
    expect(judgeAttempt(status, 'final')).toBe(final);
  });
});
