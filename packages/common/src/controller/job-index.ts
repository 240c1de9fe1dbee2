import type { JobRecord } from '../jobs/job.ts';
import type { JobRunner } from '../jobs/job-runner.ts';
import type { JobStore } from '../jobs/job-store.ts';
import type { JobView } from '../jobs/observation.ts';

export interface JobIndexParts {
  readonly store: Pick<JobStore, 'watch' | 'list' | 'getCached'>;
  readonly runner: Pick<JobRunner, 'watch'>;
  /** What is to be said of a job now. */
  readonly look: (record: JobRecord) => JobView;
}

/**
 * How all jobs are, so that a list of a hundred thousand looks only at those that have changed. To
 * look at a job costs microseconds, which all of them together turn into tenths of a second.
 */
export class JobIndex {
  readonly #parts: JobIndexParts;
  /** By the record's name, in the order of their creation as far as it is known here. */
  readonly #views = new Map<string, JobView>();
  /** Records and runs that were told of since they were looked at. */
  readonly #changed = new Set<string>();
  #isFilled = false;

  constructor(parts: JobIndexParts) {
    this.#parts = parts;
    const note = (name: string) => {
      if (this.#isFilled) this.#changed.add(name);
    };
    parts.store.watch(note);
    parts.runner.watch(note);
  }

  /** All jobs; mostly the newest come first. Their progress is of some moment before. */
  newestFirst(): readonly JobView[] {
    if (this.#isFilled) this.#followChanges();
    else this.#fill();
    return [...this.#views.values()].reverse();
  }

  /** How a job of this index is right now. */
  refresh({ record }: JobView): JobView {
    const view = this.#parts.look(record);
    this.#views.set(record.name, view);
    return view;
  }

  #fill(): void {
    const { store, look } = this.#parts;
    this.#isFilled = true;
    for (const record of store.list()) this.#views.set(record.name, look(record));
  }

  #followChanges(): void {
    const { store, look } = this.#parts;
    for (const name of this.#changed) {
      const record = store.getCached(name);
      // A job that was submitted again is a new one.
      if (this.#views.get(name)?.record.uid !== record?.uid) this.#views.delete(name);
      if (record !== undefined) this.#views.set(name, look(record));
    }
    this.#changed.clear();
  }
}
