import { expect, it } from 'vitest';
import { formatDuration } from './duration.ts';
import { formatMetric } from './number.ts';
import { formatAgo } from './time.ts';

it.each([
  [-5, '0 s'],
  [499, '0 s'],
  [59_400, '59 s'],
  [59_600, '1 min'],
  [3_599_000, '59 min 59 s'],
  [7_500_000, '2 h 5 min'],
  [90_000_000, '1 d 1 h'],
  [86_400_000 + 59_000, '1 d'],
])('%i ms are %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

it.each([
  [4999, 'just now'],
  [5000, '5 s ago'],
  [7_500_000, '2 h ago'],
  [-3000, 'just now'],
])('%i ms ago is %s', (ms, text) => {
  expect(formatAgo(1e9 - ms, 1e9)).toBe(text);
});

it.each([
  [0, '0'],
  [0.43851234, '0.4385'],
  [0.00005, '5.00e-5'],
  [123456.7, '123500'],
  [2e9, '2.00e9'],
])('%d is shown as %s', (value, text) => {
  expect(formatMetric(value)).toBe(text);
});
