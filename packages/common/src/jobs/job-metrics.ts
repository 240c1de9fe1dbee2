import { z } from 'zod';

/** One metric over the steps, ascending; three lists of one length. */
export interface MetricSeries {
  readonly step: readonly number[];
  /** UNIX seconds. */
  readonly time: readonly number[];
  /** NaN where it was no finite number. */
  readonly value: readonly number[];
}

/** What one run of a job measured. */
export interface JobMetrics {
  readonly attempt: number;
  readonly maxSteps: number | undefined;
  readonly series: ReadonlyMap<string, MetricSeries>;
  /** How many values were no finite numbers, of the series that had such. */
  readonly nonFinite: ReadonlyMap<string, number>;
  /** Whether points were left out. */
  readonly isReduced: boolean;
}

/**
 * The same series with `maxPoints` at most, of 4 or more: the first, the last, and of each stretch of
 * steps between them the lowest and the highest, so that no peak is lost. Pure.
 */
export function reduceSeries(series: MetricSeries, maxPoints: number): MetricSeries {
  const { step, value } = series;
  const last = step.length - 1;
  if (step.length <= maxPoints) return series;
  const stretches = Math.floor((maxPoints - 2) / 2);
  const from = step[0] ?? 0;
  const width = (step[last] ?? 0) - from;
  const lowest = new Map<number, number>();
  const highest = new Map<number, number>();
  const valueAt = (index: number | undefined) => value[index ?? -1] ?? Number.NaN;
  for (let index = 1; index < last; index += 1) {
    const share = ((step[index] ?? 0) - from) / width;
    const stretch = Math.min(stretches - 1, Math.floor(share * stretches));
    // A stretch without any number keeps one of its gaps.
    const isLower = !(valueAt(index) >= valueAt(lowest.get(stretch)));
    const isHigher = !(valueAt(index) <= valueAt(highest.get(stretch)));
    if (Number.isNaN(valueAt(index)) && lowest.has(stretch)) continue;
    if (isLower) lowest.set(stretch, index);
    if (isHigher) highest.set(stretch, index);
  }
  const inner = new Set([...lowest.values(), ...highest.values()]);
  return pick(series, [0, ...[...inner].sort((a, b) => a - b), last]);
}

/** All metrics with so many points a series. Pure. */
export function reduceMetrics(metrics: JobMetrics, maxPoints: number): JobMetrics {
  const series = new Map(
    [...metrics.series].map(([name, one]) => [name, reduceSeries(one, maxPoints)]),
  );
  const isLess = [...series].some(([name, one]) => one !== metrics.series.get(name));
  return { ...metrics, series, isReduced: metrics.isReduced || isLess };
}

/** What is known by both; the later attempt alone where they are of two. `newer` wins at one step. */
export function mergeMetrics(older: JobMetrics, newer: JobMetrics): JobMetrics {
  if (older.attempt !== newer.attempt) return older.attempt > newer.attempt ? older : newer;
  const series = new Map(older.series);
  for (const [name, one] of newer.series) series.set(name, mergeSeries(series.get(name), one));
  const nonFinite = new Map(older.nonFinite);
  for (const [name, count] of newer.nonFinite) {
    nonFinite.set(name, Math.max(count, nonFinite.get(name) ?? 0));
  }
  return {
    attempt: newer.attempt,
    maxSteps: newer.maxSteps ?? older.maxSteps,
    series,
    nonFinite,
    isReduced: older.isReduced || newer.isReduced,
  };
}

function mergeSeries(older: MetricSeries | undefined, newer: MetricSeries): MetricSeries {
  if (older === undefined) return newer;
  const all = new Map<number, readonly [time: number, value: number]>();
  for (const { step, time, value } of [older, newer]) {
    for (const [index, at] of step.entries()) {
      all.set(at, [time[index] ?? 0, value[index] ?? Number.NaN]);
    }
  }
  const points = [...all].sort(([a], [b]) => a - b);
  return {
    step: points.map(([step]) => step),
    time: points.map(([, [time]]) => time),
    value: points.map(([, [, value]]) => value),
  };
}

function pick({ step, time, value }: MetricSeries, indexes: readonly number[]): MetricSeries {
  const of = (list: readonly number[]) => indexes.map((index) => list[index] ?? Number.NaN);
  return { step: of(step), time: of(time), value: of(value) };
}

const points = z.array(z.number());
const KeptSchema = z.object({
  attempt: z.int().min(1),
  max_steps: z.number().nullable(),
  series: z.record(
    z.string(),
    z.object({ step: points, time: points, value: z.array(z.number().nullable()) }),
  ),
  non_finite: z.record(z.string(), z.number()),
});

/** JSON of metrics; what is no finite number is null there. */
export function toMetricsJson({ attempt, maxSteps, series, nonFinite }: JobMetrics) {
  const shown = [...series].map(([name, { step, time, value }]) => {
    const values = value.map((one) => (Number.isFinite(one) ? one : null));
    return [name, { step: [...step], time: [...time], value: values }] as const;
  });
  return {
    attempt,
    max_steps: maxSteps ?? null,
    series: Object.fromEntries(shown),
    non_finite: Object.fromEntries(nonFinite),
  };
}

/** What `toMetricsJson` made; undefined for anything else. */
export function parseMetrics(json: unknown): JobMetrics | undefined {
  const kept = KeptSchema.safeParse(json).data;
  if (kept === undefined) return undefined;
  const series = Object.entries(kept.series).map(([name, { step, time, value }]) => {
    return [name, { step, time, value: value.map((one) => one ?? Number.NaN) }] as const;
  });
  return {
    attempt: kept.attempt,
    maxSteps: kept.max_steps ?? undefined,
    series: new Map(series),
    nonFinite: new Map(Object.entries(kept.non_finite)),
    // It was made to be small.
    isReduced: true,
  };
}
