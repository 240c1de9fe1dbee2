import type { EventFeeds } from '../api/event-feeds.ts';
import { Time } from './time.tsx';
import { useNow } from './use-now.ts';

interface LastUpdateProps {
  readonly feeds: EventFeeds;
  readonly readAtMs: number | undefined;
}

/** Until when what is shown is known to be so, and whether changes show at once. */
export function LastUpdate({ feeds, readAtMs = 0 }: LastUpdateProps) {
  useNow();
  const atMs = Math.max(readAtMs, feeds.isOpen ? (feeds.heardAtMs ?? 0) : 0);
  return (
    <>
      {feeds.isOpen && 'live, '}updated <Time value={new Date(atMs).toISOString()} />
    </>
  );
}
