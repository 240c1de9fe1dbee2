import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseRetryAfter } from './retry-after.ts';

const NOW_MS = Date.UTC(1994, 10, 6, 8, 49, 0);

describe('parseRetryAfter', () => {
  beforeEach(() => {
    vi.stubEnv('TZ', 'Asia/Tokyo');
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it.each([
    ['0', 0],
    ['120', 120_000],
    [' 7 ', 7_000],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 37_000],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 37_000],
    ['Sun Nov  6 08:49:37 1994', 37_000],
    ['Sat, 05 Nov 1994 08:49:37 GMT', 0],
    ['9'.repeat(400), 86_400_000],
    ['Sun, 06 Nov 2094 08:49:37 GMT', 86_400_000],
  ])('reads %j as %i ms', (header, expected) => {
    expect(parseRetryAfter(header, NOW_MS)).toBe(expected);
  });

  it.each([undefined, '', '-5', '1.5', '1e3', 'soon', 'Sun, 99 Foo 1994 GMT'])(
    'does not read %j',
    (header) => {
      expect(parseRetryAfter(header, NOW_MS)).toBeUndefined();
    },
  );
});
