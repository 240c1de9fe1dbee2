import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { DeadlineQueue } from '../deadline-queue.ts';
import { isLogged } from '../errors.ts';
import type { JobRecord } from '../jobs/job.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { toLogged } from '../jobs/operator-lines.ts';
import type { WriteTurns } from './write-turns.ts';

export interface TurnedWriterParts {
  readonly store: Pick<JobStore, 'getCached'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly turns: WriteTurns;
}

/** Writes records when they are due and have their turn, again and again until that succeeds. */
export class TurnedWriter {
  readonly #parts: TurnedWriterParts;
  readonly #failure: string;
  readonly #write: (record: JobRecord) => Promise<void>;
  readonly #deadlines: DeadlineQueue;
  /** By name, as they were when they were planned. */
  readonly #planned = new Map<string, JobRecord>();
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
   * where that is planned already, the earlier time counts.
   */
  plan(record: JobRecord, dueMs = 0): void {
    if (this.#isClosed) return;
    this.#planned.set(record.name, record);
    const turnMs = this.#parts.turns.nextTimeOf(record.uid);
    this.#deadlines.setEarlier(record.name, Math.max(dueMs, turnMs));
  }

  /** Begins nothing more; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#deadlines.clear();
    this.#planned.clear();
    await Promise.all(this.#running);
  }

  #flush(name: string): void {
    const { store, turns, logger } = this.#parts;
    const planned = this.#planned.get(name);
    if (planned === undefined) return;
    const laterMs = turns.take(planned.uid);
    if (laterMs !== undefined) {
      this.#deadlines.set(name, laterMs);
      return;
    }
    this.#planned.delete(name);
    const cached = store.getCached(name);
    const record = cached?.uid === planned.uid ? cached : planned;
    const running = this.#write(record).catch((error: unknown) => {
      const level = isLogged(error) ? 'debug' : 'warn';
      logger[level]({ ...toLogged(record), err: error }, this.#failure);
      this.plan(record);
    });
    this.#running.add(running);
    void running.finally(() => this.#running.delete(running));
  }
}
