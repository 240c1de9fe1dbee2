import { expect, it } from 'vitest';
import { toPath, toStepAxis, toValueAxis } from './chart-scale.ts';

const valuesOf = (axis: { readonly ticks: readonly { readonly value: number }[] }) =>
  axis.ticks.map(({ value }) => Number(value.toPrecision(6)));

it.each([
  [
    [1, 20],
    [1, 2, 5, 10, 20],
  ],
  [
    [1, 200],
    [1, 10, 100],
  ],
  [
    [0, 1000],
    [1, 10, 100, 1000],
  ],
  [
    [900, 950, 1200],
    [900, 1200],
  ],
  [[7], [7]],
])('steps %j are marked at %j', (steps, marked) => {
  expect(valuesOf(toStepAxis(steps))).toEqual(marked);
});

it('gives each power of ten as much room, and a step 0 a place', () => {
  const axis = toStepAxis([0, 9, 99]);
  expect([0, 9, 99].map(axis.place)).toEqual([0, 0.5, 1]);
  expect(toStepAxis([7]).place(7)).toBe(0.5);
});

it.each([
  [
    [0.43, 2.31],
    [0, 0.5, 1, 1.5, 2, 2.5],
  ],
  [
    [1.2e-6, 5e-5],
    [0, 2e-5, 4e-5, 6e-5],
  ],
  [
    [-3, 3],
    [-4, -2, 0, 2, 4],
  ],
  [[2], [2, 2.5]],
  [[0], [0, 0.5]],
])('values %j are marked at %j', (values, marked) => {
  const axis = toValueAxis(values);
  expect(valuesOf(axis)).toEqual(marked);
  for (const value of values) {
    expect(axis.place(value)).toBeGreaterThanOrEqual(0);
    expect(axis.place(value)).toBeLessThanOrEqual(1);
  }
});

it('draws higher values further up, and breaks off where there is none', () => {
  const curve = { step: [0, 9, 99, 99], value: [2, 1, null, 0] };
  const path = toPath(curve, toStepAxis(curve.step), toValueAxis([0, 2]), 100);
  expect(path).toBe('M0.0 0.0h0L50.0 50.0M100.0 100.0h0');
});
