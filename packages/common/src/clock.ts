/**
 * Time as the rest of the code sees it, so that tests can own it. `now` is UNIX milliseconds and
 * may jump; `monotonic` is milliseconds from an arbitrary origin and never goes back.
 */
export interface Clock {
  now(): number;
  monotonic(): number;
  /** Calls `callback` once after `delayMs`, without keeping the process alive; returns its cancel. */
  schedule(delayMs: number, callback: () => void): () => void;
}

/** Node fires a timer of more than 2^31-1 ms at once, so longer waits are cut and asked for again. */
const MAX_TIMER_MS = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), MAX_TIMER_MS));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
