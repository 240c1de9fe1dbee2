import { formatDuration } from '../format/duration.ts';

interface ProgressProps {
  readonly percentage: number | null | undefined;
  readonly remainingSeconds?: number | null | undefined;
  readonly label: string;
}

/** How much is done, as a bar and in words; nothing where nobody knows. */
export function Progress({ percentage, remainingSeconds, label }: ProgressProps) {
  if (percentage === null || percentage === undefined) return null;
  return (
    <span class="progress">
      <progress max={100} value={percentage} aria-label={label} />
      <span class="number">{Math.floor(percentage)}%</span>
      {typeof remainingSeconds === 'number' && remainingSeconds > 0 && (
        <span class="muted">{formatDuration(remainingSeconds * 1000)} left</span>
      )}
    </span>
  );
}
