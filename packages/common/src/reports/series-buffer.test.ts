import { expect, test } from 'vitest';
import { MAX_POINTS, SeriesBuffer } from './series-buffer.ts';

test('holds a bounded number of points, the newest and every peak among them', () => {
  const buffer = new SeriesBuffer();
  for (let step = 1; step <= 100_000; step += 1) buffer.add(step, step / 10, step === 777 ? 9 : 1);
  expect(buffer.length).toBeLessThanOrEqual(MAX_POINTS);
  expect(buffer.isReduced).toBe(true);
  const { step, time, value } = buffer.toSeries();
  expect([step.at(0), step.at(-1)]).toEqual([1, 100_000]);
  expect([time.length, value.length]).toEqual([step.length, step.length]);
  expect(value[step.indexOf(777)]).toBe(9);
});

test('takes points in any order and the same one twice', () => {
  const buffer = new SeriesBuffer();
  buffer.add(3, 30, 3);
  buffer.add(1, 10, null);
  buffer.add(2, 20, 2);
  buffer.add(1, 10, null);
  buffer.add(2, 21, 2.5);
  expect(buffer.toSeries()).toEqual({
    step: [1, 2, 3],
    time: [10, 21, 30],
    value: [Number.NaN, 2.5, 3],
  });
  expect([buffer.nonFinite, buffer.latest, buffer.isReduced]).toEqual([1, 3, false]);
  buffer.add(4, 40, null);
  expect([buffer.nonFinite, buffer.latest]).toEqual([2, 3]);
});
