import type { Clock } from '../src/clock.ts';

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #nowMs: number;
  readonly #startedAtMs: number;
  readonly #timers = new Set<Timer>();

  constructor(nowMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = nowMs;
    this.#startedAtMs = nowMs;
  }

  get timerCount(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs - this.#startedAtMs;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /**
   * Moves on by `byMs` and calls every timer that comes due, each at its own time, also those that
   * are set meanwhile. What a timer starts is given a turn of the event loop before time goes on.
   */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await nextTurn();
    for (let next = this.#first(untilMs); next !== undefined; next = this.#first(untilMs)) {
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
      await nextTurn();
    }
    this.#nowMs = untilMs;
  }

  /**
   * Lets time pass while nothing of this process runs, as when it is suspended or its event loop is
   * blocked: timers that come due fire late, at the next `advance`.
   */
  stall(byMs: number): void {
    this.#nowMs += byMs;
  }

  #first(untilMs: number): Timer | undefined {
    const due = [...this.#timers].filter(({ atMs }) => atMs <= untilMs);
    return due.sort((a, b) => a.atMs - b.atMs)[0];
  }
}

/** Long enough for everything that waits for nothing but promises. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
