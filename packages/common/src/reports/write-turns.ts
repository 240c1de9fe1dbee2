import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';

/** What reports may cost the store: one write in so long a time and job, so many a second in all. */
const JOB_INTERVAL_MS = 5000;
const MAX_WRITES_PER_SECOND = 20;
const MAX_JOBS = 10_000;

/** Gives the writes that reports cause their turns. */
export class WriteTurns {
  readonly #clock: Clock;
  readonly #nextWriteAtMs = new LRUCache<string, number>({ max: MAX_JOBS });
  /** Of the newest writes, as many as one second may have. */
  #writes: number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** When the record of this uid may be written next, UNIX milliseconds. */
  nextTimeOf(uid: string): number {
    const nowMs = this.#clock.now();
    const [oldest = Number.NEGATIVE_INFINITY] = this.#writes;
    const isFull = this.#writes.length >= MAX_WRITES_PER_SECOND;
    return Math.max(nowMs, this.#nextWriteAtMs.get(uid) ?? nowMs, isFull ? oldest + 1000 : nowMs);
  }

  /** Lets the job's own turn come at once. */
  hurry(uid: string): void {
    this.#nextWriteAtMs.delete(uid);
  }

  /** Takes the turn of this record, to write it now; where it has none yet, when that comes instead. */
  take(uid: string): number | undefined {
    const nowMs = this.#clock.now();
    const dueMs = this.nextTimeOf(uid);
    if (dueMs > nowMs) return dueMs;
    this.#nextWriteAtMs.set(uid, nowMs + JOB_INTERVAL_MS);
    this.#writes = [...this.#writes, nowMs].slice(-MAX_WRITES_PER_SECOND);
    return undefined;
  }

  /** Gives back what was taken at that time of the writes of all: nothing was written. */
  giveBack(takenAtMs: number): void {
    const index = this.#writes.lastIndexOf(takenAtMs);
    if (index >= 0) this.#writes = this.#writes.toSpliced(index, 1);
  }
}
