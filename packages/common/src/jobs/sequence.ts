import type { Clock } from '../clock.ts';

/** Far more events than one leader has in a millisecond, and safe integers until the year 2112. */
export const NUMBERS_PER_MS = 2000;
/** A time further ahead than this comes from a clock that is wrong, and is not followed. */
const MAX_AHEAD_MS = 86_400_000;

/**
 * Numbers that only grow: those of now, or the next one where a clock has stood still or gone back.
 * So what was numbered later has the larger number, also by another process.
 */
export class Sequence {
  readonly #clock: Clock;
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  next(): number {
    this.#last = Math.max(this.#last + 1, Math.floor(this.#clock.now() * NUMBERS_PER_MS));
    return this.#last;
  }

  /** Takes the numbers up to `timeMs` for given out: those of a process whose clock showed that. */
  skipTo(timeMs: number): void {
    if (!(timeMs <= this.#clock.now() + MAX_AHEAD_MS)) return;
    this.#last = Math.max(this.#last, Math.ceil(timeMs * NUMBERS_PER_MS));
  }

  /** UNIX milliseconds that are past every number given out, and not before now. */
  reachedMs(): number {
    return Math.max(this.#clock.now(), Math.ceil(this.#last / NUMBERS_PER_MS));
  }
}
