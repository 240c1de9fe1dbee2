/** A number from 0 to 1, as `Math.random` gives. */
export type Random = () => number;

/** Delays that double from `firstMs` to `longestMs`, times a factor of `jitter`, so that what failed together does not come back together. */
export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
  /** The least factor and the greatest. */
  readonly jitter: readonly [number, number];
}

const MOST_DOUBLINGS = 30;

/** How long to wait after the `count`-th failure in a row, from 1. */
export function toBackoffMs(count: number, backoff: Backoff, random: Random): number {
  const { firstMs, longestMs, jitter } = backoff;
  const [least, greatest] = jitter;
  const plainMs = Math.min(longestMs, firstMs * 2 ** Math.min(MOST_DOUBLINGS, count - 1));
  return plainMs * (least + random() * (greatest - least));
}
