/** At most so often, however much happens that only another reading can show. */
const LEAST_PACE_MS = 5000;
/** What happens together is read together: a new job tells several things of itself. */
const GATHER_MS = 200;

/** How long a list that was read at `readAtMs` waits to be read again, once something happened that it cannot tell. */
export function toRefreshDelay(readAtMs: number, nowMs: number): number {
  // A clock may be set back.
  const sinceMs = Math.max(0, nowMs - readAtMs);
  return Math.max(GATHER_MS, LEAST_PACE_MS - sinceMs);
}
