import type { Progress } from '../../../requests/training-response.ts';
import type { TrainerStatus } from './train-job-object.ts';

/** A callback holds 8 KiB in all. */
const MAX_METRICS = 32;
const MAX_METRIC_NAME_LENGTH = 64;

/** What the trainer last reported of itself; numbers come as texts, and some are no numbers. */
export function toProgress(status: TrainerStatus | undefined): Progress | undefined {
  if (status === undefined) return undefined;
  const { progressPercentage, estimatedRemainingSeconds, metrics = [] } = status;
  return {
    percentage: isFiniteNumber(progressPercentage)
      ? Math.min(100, Math.max(0, progressPercentage))
      : null,
    estimated_remaining_seconds: isFiniteNumber(estimatedRemainingSeconds)
      ? Math.max(0, estimatedRemainingSeconds)
      : null,
    metrics: Object.fromEntries(metrics.flatMap(toMetric).slice(0, MAX_METRICS)),
  };
}

function toMetric({ name, value }: { name?: unknown; value?: unknown }): [string, number][] {
  if (typeof name !== 'string' || name === '' || name.length > MAX_METRIC_NAME_LENGTH) return [];
  if (typeof value !== 'string' || value.trim() === '') return [];
  const number = Number(value);
  return Number.isFinite(number) ? [[name, number]] : [];
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
