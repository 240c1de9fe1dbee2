import type { Logger } from 'pino';

/** A change of leader takes some 15 s; only what lasts longer is worth a line. */
const WORTH_TELLING_MS = 30_000;

/** Tells in one line that nobody leads, once that has lasted, and in another that it is over. */
export class UnledLog {
  readonly #logger: Logger;
  #sinceMs: number | undefined;
  #isTold = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** `nowMs` is monotonic. */
  note(isLed: boolean, lease: string, nowMs: number): void {
    if (isLed) {
      if (this.#isTold) this.#logger.info({ lease }, 'somebody leads again');
      this.#sinceMs = undefined;
      this.#isTold = false;
      return;
    }
    this.#sinceMs ??= nowMs;
    if (this.#isTold || nowMs - this.#sinceMs < WORTH_TELLING_MS) return;
    this.#isTold = true;
    this.#logger.warn({ lease }, 'nobody leads, as far as this replica can see');
  }
}
