import type { Progress } from '../../requests/training-response.ts';

/** A callback holds 8 KiB in all. */
const MAX_METRICS = 32;
const METRIC_NAME = /^[A-Za-z0-9_./-]{1,64}$/;

/** What a trainer wrote into its status file, as far as it makes sense. */
export function toRunProgress(value: unknown): Progress | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { percentage, remaining_seconds, step, metrics } = value as Record<string, unknown>;
  const named = typeof metrics === 'object' && metrics !== null ? Object.entries(metrics) : [];
  return {
    percentage: isFiniteNumber(percentage) ? Math.min(100, Math.max(0, percentage)) : null,
    estimated_remaining_seconds: isFiniteNumber(remaining_seconds)
      ? Math.max(0, remaining_seconds)
      : null,
    metrics: Object.fromEntries(
      [['step', step] as [string, unknown], ...named]
        .filter((entry): entry is [string, number] => isFiniteNumber(entry[1]))
        .filter(([name]) => METRIC_NAME.test(name))
        .slice(0, MAX_METRICS),
    ),
  };
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
