import { ServiceError } from './api/service-error.ts';

/** What was last read, and how reading fares since. */
export interface Reading<T> {
  readonly value: T | undefined;
  /** When `value` was read. */
  readonly readAtMs: number | undefined;
  /** Why the newest try failed; undefined when it did not. */
  readonly error: ServiceError | undefined;
}

export interface PollerParts<T> {
  readonly read: (signal: AbortSignal) => Promise<T>;
  /** From one reading to the next; undefined ends it. */
  readonly paceMs: (value: T) => number | undefined;
  readonly onReading: (reading: Reading<T>) => void;
  readonly now?: () => number;
}

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 15_000;

/** Reads something again and again until it is stopped; slower while that fails. */
export class Poller<T> {
  readonly #parts: PollerParts<T>;
  readonly #stop = new AbortController();
  #reading: Reading<T> = { value: undefined, readAtMs: undefined, error: undefined };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> | undefined;
  #isAskedAgain = false;
  #retryMs = FIRST_RETRY_MS;

  constructor(parts: PollerParts<T>) {
    this.#parts = parts;
  }

  /** Reads now; resolves when what was true at the time of the call has been read. */
  async refresh(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#running !== undefined) {
      // What is on its way may have left before the change that the caller wants to see.
      this.#isAskedAgain = true;
      return this.#running;
    }
    this.#running = this.#readOut();
    await this.#running;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#stop.abort();
  }

  async #readOut(): Promise<void> {
    let pauseMs: number | undefined;
    do {
      this.#isAskedAgain = false;
      pauseMs = await this.#readOnce();
    } while (this.#isAskedAgain && !this.#stop.signal.aborted);
    this.#running = undefined;
    if (pauseMs === undefined || this.#stop.signal.aborted) return;
    this.#timer = setTimeout(() => void this.refresh(), pauseMs);
  }

  /** Returns when to read again. */
  async #readOnce(): Promise<number | undefined> {
    const { read, paceMs, onReading, now = Date.now } = this.#parts;
    try {
      const value = await read(this.#stop.signal);
      if (this.#stop.signal.aborted) return undefined;
      this.#retryMs = FIRST_RETRY_MS;
      this.#reading = { value, readAtMs: now(), error: undefined };
      onReading(this.#reading);
      return paceMs(value);
    } catch (error) {
      if (this.#stop.signal.aborted) return undefined;
      if (!(error instanceof ServiceError)) throw error;
      this.#reading = { ...this.#reading, error };
      onReading(this.#reading);
      if (error.isRefused) return undefined;
      if (error.needsToken || error.isMissing) return LONGEST_RETRY_MS;
      const pauseMs = this.#retryMs;
      this.#retryMs = Math.min(2 * pauseMs, LONGEST_RETRY_MS);
      return pauseMs;
    }
  }
}
