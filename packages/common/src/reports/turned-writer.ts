import type { Logger } from 'pino';
import { type Backoff, type Random, toBackoffMs } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { DeadlineQueue } from '../deadline-queue.ts';
import { isLogged, isPassing } from '../errors.ts';
import type { JobRecord } from '../jobs/job.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { toLogged } from '../jobs/operator-lines.ts';
import type { WriteTurns } from './write-turns.ts';

export interface TurnedWriterParts {
  readonly store: Pick<JobStore, 'getCached'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly turns: WriteTurns;
}

interface Failure {
  readonly uid: string;
  /** In a row. */
  readonly count: number;
  readonly retryAtMs: number;
}

/** After failures that may last until an operator acts, such as a right that is missing. */
const RETRY: Backoff = { firstMs: 5000, longestMs: 5 * 60_000, jitter: [0.5, 1] };

/** Writes records when they are due and have their turn, again and again until that succeeds. */
export class TurnedWriter {
  readonly #parts: TurnedWriterParts;
  readonly #failure: string;
  readonly #write: (record: JobRecord) => Promise<void>;
  readonly #deadlines: DeadlineQueue;
  /** By name, as they were when they were planned. */
  readonly #planned = new Map<string, JobRecord>();
  /** By name; without those that pass by themselves. */
  readonly #failures = new Map<string, Failure>();
  readonly #running = new Set<Promise<void>>();
  #isClosed = false;

  /** `failure` is what the log says of a `write` that fails. */
  constructor(
    parts: TurnedWriterParts,
    failure: string,
    write: (record: JobRecord) => Promise<void>,
  ) {
    this.#parts = parts;
    this.#failure = failure;
    this.#write = write;
    this.#deadlines = new DeadlineQueue(parts.clock, (name) => this.#flush(name));
  }

  /**
   * Has a record written at its next turn, or at the first one from `dueMs` on, UNIX milliseconds;
   * where that is planned already, the earlier time counts. After failures it may come later.
   */
  plan(record: JobRecord, dueMs = 0): void {
    if (this.#isClosed) return;
    const { name, uid } = record;
    this.#planned.set(name, record);
    const turnMs = this.#parts.turns.nextTimeOf(uid);
    const retryMs = this.#findFailure(record)?.retryAtMs ?? 0;
    this.#deadlines.setEarlier(name, Math.max(dueMs, turnMs, retryMs));
  }

  /** Has a record written at its next turn, whatever failed before. */
  planNow(record: JobRecord): void {
    this.#failures.delete(record.name);
    this.plan(record);
  }

  /** Begins nothing more; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#deadlines.clear();
    this.#planned.clear();
    this.#failures.clear();
    await Promise.all(this.#running);
  }

  #flush(name: string): void {
    const { store, turns, clock } = this.#parts;
    const planned = this.#planned.get(name);
    if (planned === undefined) return;
    const laterMs = turns.take(planned.uid);
    if (laterMs !== undefined) {
      this.#deadlines.set(name, laterMs);
      return;
    }
    const takenAtMs = clock.now();
    this.#planned.delete(name);
    const cached = store.getCached(name);
    const record = cached?.uid === planned.uid ? cached : planned;
    const running = this.#write(record).then(
      () => void this.#failures.delete(name),
      (error: unknown) => this.#noteFailure(record, error, takenAtMs),
    );
    this.#running.add(running);
    void running.finally(() => this.#running.delete(running));
  }

  #noteFailure(record: JobRecord, error: unknown, takenAtMs: number): void {
    const { logger, turns, clock, random } = this.#parts;
    const level = isLogged(error) ? 'debug' : 'warn';
    logger[level]({ ...toLogged(record), err: error }, this.#failure);
    if (this.#isClosed) return;
    if (!isPassing(error)) {
      turns.giveBack(takenAtMs);
      const count = 1 + (this.#findFailure(record)?.count ?? 0);
      const retryAtMs = clock.now() + toBackoffMs(count, RETRY, random);
      this.#failures.set(record.name, { uid: record.uid, count, retryAtMs });
      // What was planned while it was written comes no earlier.
      this.#deadlines.remove(record.name);
    }
    this.plan(record);
  }

  #findFailure({ name, uid }: JobRecord): Failure | undefined {
    const failure = this.#failures.get(name);
    return failure?.uid === uid ? failure : undefined;
  }
}
