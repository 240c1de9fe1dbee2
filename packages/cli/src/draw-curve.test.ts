import { expect, test } from 'vitest';
import { drawCurve } from './draw-curve.ts';

test('a curve has its ends, its peak and its values at the side', () => {
  const step = Array.from({ length: 1000 }, (_, index) => index);
  const value = step.map((at) => (at === 500 ? 10 : at / 1000));
  const lines = drawCurve({ step, value }, 60);
  expect(lines).toHaveLength(14);
  expect(lines[0]).toMatch(/^ {8}10 \| +\*$/);
  expect(lines[11]).toMatch(/^ {9}0 \|\*/);
  expect(lines[13]?.trim().split(/ +/)).toEqual(['0', '999']);
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(60);
});

test.each([
  ['one point', { step: [7], value: [3] }, '         3 |*'],
  ['no number at all', { step: [1, 2], value: [null, null] }, 'no finite value was measured'],
  ['gaps', { step: [1, 2, 3], value: [null, 2, null] }, '         2 |'],
])('a curve of %s is drawn, too', (_, curve, first) => {
  expect(drawCurve(curve, 40).join('\n')).toContain(first);
});
