import type { Clock } from '../clock.ts';

/** Failures in a row, with nothing that got through between them. */
const OPENS_AFTER = 5;
/** How often one call is let through to see whether it is over. */
const TRIAL_MS = 5000;

/** Holds calls back while a server does not answer, so that they fail at once. */
export class Circuit {
  readonly #clock: Clock;
  #failuresInRow = 0;
  #trialAtMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the next call may be made; now and then one may although the circuit is open. */
  allows(): boolean {
    if (this.#failuresInRow < OPENS_AFTER) return true;
    const nowMs = this.#clock.monotonic();
    if (nowMs < this.#trialAtMs) return false;
    this.#trialAtMs = nowMs + TRIAL_MS;
    return true;
  }

  failed(): void {
    this.#failuresInRow += 1;
    if (this.#failuresInRow === OPENS_AFTER) {
      this.#trialAtMs = this.#clock.monotonic() + TRIAL_MS;
    }
  }

  succeeded(): void {
    this.#failuresInRow = 0;
  }
}
