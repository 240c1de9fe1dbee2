import { setTimeout as delay } from 'node:timers/promises';

/** Between which bounds a wait grows. */
export interface Pace {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** Waits that double from `firstMs` to `longestMs`, with a fifth of jitter either way. */
export class Backoff {
  readonly #pace: Pace;
  #count = 0;

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  /**
   * Waits longer than the last time, and at least `atLeastMs`.
   * @throws the reason of `signal` when that is aborted.
   */
  async wait(signal: AbortSignal | undefined, atLeastMs = 0): Promise<void> {
    const { firstMs, longestMs } = this.#pace;
    const plainMs = Math.min(longestMs, firstMs * 2 ** Math.min(this.#count, 30));
    this.#count += 1;
    const ms = Math.max(atLeastMs, plainMs * (0.8 + Math.random() * 0.4));
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
    } catch {
      signal?.throwIfAborted();
    }
  }

  reset(): void {
    this.#count = 0;
  }
}
