import { toRevision } from '../jobs/history.ts';
import { isTerminal, type JobRecord } from '../jobs/job.ts';
import type { JobEvent } from '../jobs/job-event.ts';
import type { JobRunner } from '../jobs/job-runner.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { isRunOf } from '../jobs/observation.ts';
import { RecentCache } from '../recent-cache.ts';
import { JobChanges } from './job-changes.ts';

export interface JobFeedParts {
  readonly store: Pick<JobStore, 'watch' | 'readEvents'>;
  readonly runner: Pick<JobRunner, 'watch' | 'getCached'>;
}

/** Histories that were read lately, of some ten kilobytes each: who is told of one change asks at once. */
const MAX_REMEMBERED = 100;

/** Tells those who follow jobs when there is something new, and what; thousands share each read. */
export class JobFeed {
  readonly #parts: JobFeedParts;
  readonly #records: JobChanges;
  readonly #runs: JobChanges;
  readonly #histories = new RecentCache<Promise<readonly JobEvent[]>>({ maxSize: MAX_REMEMBERED });

  constructor(parts: JobFeedParts) {
    this.#parts = parts;
    this.#records = new JobChanges(parts.store);
    this.#runs = new JobChanges(parts.runner);
  }

  /** Calls `listener` whenever the record or the run of that name changes; returns how to stop that. */
  watch(name: string, listener: () => void): () => void {
    const unwatch = [this.#records, this.#runs].map((changes) => changes.watch(name, listener));
    return () => {
      for (const stop of unwatch) stop();
    };
  }

  /**
   * The events of a record after the one of that number, oldest first; without any call where there
   * is none, and with one for all who ask for the same.
   * @throws TrainerError CLUSTER_UNAVAILABLE
   */
  async readEvents(record: JobRecord, after: number): Promise<readonly JobEvent[]> {
    const revision = toRevision(record.history);
    if (revision <= after) return [];
    const key = `${record.uid} ${revision}`;
    const events = await this.#histories.memo(key, () => {
      const reading = this.#parts.store.readEvents(record);
      reading.catch(() => this.#histories.delete(key));
      return reading;
    });
    // What was read may be newer than the record; that is told when its own turn has come.
    return events.filter(({ id }) => id > after && id <= revision);
  }

  /** Whether a job has ended and no process of it is left, as far as is known here. */
  isOver(record: JobRecord): boolean {
    if (!isTerminal(record.state.status)) return false;
    const seen = this.#parts.runner.getCached(record.name);
    if (seen === undefined) return false;
    return !isRunOf(record, seen) || (isTerminal(seen.status) && !seen.isStopping);
  }

  close(): void {
    this.#records.close();
    this.#runs.close();
  }
}
