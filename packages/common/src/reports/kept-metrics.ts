import type { JsonObject } from '../jobs/job.ts';
import { type JobMetrics, reduceMetrics, toMetricsJson } from '../jobs/job-metrics.ts';
import { jsonBytes } from '../json-bytes.ts';

const MAX_POINTS = 64;
const MIN_POINTS = 8;
const MAX_BYTES = 16 * 1024;
/** Where not all of them fit, these are kept. */
const FIRST_NAMES = ['loss', 'eval_loss', 'learning_rate', 'grad_norm'];

/**
 * Metrics as a record keeps them: 64 points of each and 16 KiB at most; with many metrics fewer
 * points, then fewer metrics. A name that holds a credential is left out. Pure.
 */
export function toKeptMetrics(metrics: JobMetrics, mask: (text: string) => string): JsonObject {
  const named = [...metrics.series].filter(([name]) => mask(name) === name);
  const isFirst = ([name]: readonly [string, unknown]) => FIRST_NAMES.includes(name);
  const ordered = [...named.filter(isFirst), ...named.filter((one) => !isFirst(one))];
  for (let points = MAX_POINTS; ; points /= 2) {
    const kept = toJson({ ...metrics, series: new Map(ordered) }, points);
    if (jsonBytes(kept) <= MAX_BYTES) return kept;
    if (points > MIN_POINTS) continue;
    while (jsonBytes(toJson({ ...metrics, series: new Map(ordered) }, points)) > MAX_BYTES) {
      ordered.splice(-Math.ceil(ordered.length / 8));
    }
    return toJson({ ...metrics, series: new Map(ordered) }, points);
  }
}

function toJson(metrics: JobMetrics, points: number): JsonObject {
  const { series, nonFinite, ...rest } = reduceMetrics(metrics, points);
  const rounded = [...series].map(([name, { step, time, value }]) => {
    const short = value.map((one) => Number(one.toPrecision(6)));
    return [name, { step, time: time.map((one) => Math.round(one)), value: short }] as const;
  });
  const counted = [...nonFinite].filter(([name]) => series.has(name));
  return toMetricsJson({ ...rest, series: new Map(rounded), nonFinite: new Map(counted) });
}
