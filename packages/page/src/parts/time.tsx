import { formatAgo, formatTime } from '../format/time.ts';
import { useNow } from './use-now.ts';

interface TimeProps {
  readonly value: string | null | undefined;
  readonly form?: 'ago' | 'clock';
}

/** A time of the API as people read it, with the exact one at hand; a dash where there is none. */
export function Time({ value, form = 'ago' }: TimeProps) {
  const now = useNow();
  if (!value) return <span class="muted">–</span>;
  const timeMs = Date.parse(value);
  const text = form === 'ago' ? formatAgo(timeMs, now) : formatTime(timeMs, now);
  return (
    <time dateTime={value} title={new Date(timeMs).toLocaleString()}>
      {text}
    </time>
  );
}
