import { expect, test } from 'vitest';
import {
  type JobMetrics,
  type MetricSeries,
  mergeMetrics,
  parseMetrics,
  reduceSeries,
  toMetricsJson,
} from './job-metrics.ts';

function toSeries(values: readonly number[], firstStep = 0): MetricSeries {
  const step = values.map((_, index) => firstStep + index);
  return { step, time: step.map((at) => 1000 + at), value: values };
}

function toMetrics(values: Record<string, MetricSeries>, changes: Partial<JobMetrics> = {}) {
  const series = new Map(Object.entries(values));
  return { attempt: 1, maxSteps: 9, series, nonFinite: new Map(), isReduced: false, ...changes };
}

test('a series that is reduced keeps its ends, its peaks and its gaps', () => {
  const values = Array.from({ length: 10_000 }, (_, index) => Math.cos(index / 300));
  values[5003] = 50;
  values[7001] = -50;
  values.fill(Number.NaN, 2000, 2400);
  const series = toSeries(values);
  const { step, time, value } = reduceSeries(series, 100);
  expect(step.length).toBeLessThanOrEqual(100);
  expect(step.length).toBeGreaterThan(80);
  expect([step.at(0), step.at(-1)]).toEqual([0, 9999]);
  expect(value[step.indexOf(5003)]).toBe(50);
  expect(value[step.indexOf(7001)]).toBe(-50);
  expect(step.toSorted((a, b) => a - b)).toEqual(step);
  expect(time).toEqual(step.map((at) => 1000 + at));
  const gaps = step.filter((_, index) => Number.isNaN(value[index]));
  expect(gaps.length).toBeGreaterThan(0);
  expect(gaps.every((at) => at >= 2000 && at < 2400)).toBe(true);
});

test.each([[4], [5], [64], [512]])('no more than %i points are left', (maxPoints) => {
  const series = toSeries(Array.from({ length: 3000 }, (_, index) => (index * 7919) % 1000));
  expect(reduceSeries(series, maxPoints).step.length).toBeLessThanOrEqual(maxPoints);
  const short = toSeries([3, 1, 2]);
  expect(reduceSeries(short, maxPoints)).toBe(short);
});

test('what two replicas know is one curve, of the newer attempt alone', () => {
  const older = toMetrics({ loss: toSeries([9, 8, 7]), lr: toSeries([1]) });
  const newer = toMetrics({ loss: toSeries([6, 5], 2) }, { maxSteps: undefined });
  const merged = mergeMetrics(older, newer);
  expect(merged.maxSteps).toBe(9);
  expect(merged.series.get('loss')).toEqual(toSeries([9, 8, 6, 5]));
  expect([...merged.series.keys()]).toEqual(['loss', 'lr']);
  const later = toMetrics({ loss: toSeries([1]) }, { attempt: 2 });
  expect(mergeMetrics(older, later)).toBe(later);
  expect(mergeMetrics(later, older)).toBe(later);
});

test('metrics come back from their JSON, where NaN is null', () => {
  const metrics = toMetrics(
    { loss: toSeries([1, Number.NaN]) },
    { nonFinite: new Map([['loss', 1]]), isReduced: true },
  );
  const json = toMetricsJson(metrics);
  expect(json).toEqual({
    attempt: 1,
    max_steps: 9,
    series: { loss: { step: [0, 1], time: [1000, 1001], value: [1, null] } },
    non_finite: { loss: 1 },
  });
  expect(parseMetrics(JSON.parse(JSON.stringify(json)))).toEqual(metrics);
  expect(parseMetrics({ attempt: 'x' })).toBeUndefined();
  expect(parseMetrics(undefined)).toBeUndefined();
});
