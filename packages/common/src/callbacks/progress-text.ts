import type { Progress } from '../requests/training-response.ts';

/** Progress for people: `: step 120, 40 %, loss 0.25, 12 min left`; empty where there is none. */
export function toProgressText(progress: Progress | undefined): string {
  if (progress === undefined) return '';
  const { percentage, estimated_remaining_seconds: leftSeconds, metrics } = progress;
  const parts = [
    metrics.step !== undefined && `step ${metrics.step}`,
    percentage !== null && `${round(percentage)} %`,
    metrics.loss !== undefined && `loss ${round(metrics.loss)}`,
    leftSeconds !== null && `${toDurationText(leftSeconds)} left`,
  ].filter((part) => part !== false);
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

function toDurationText(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
