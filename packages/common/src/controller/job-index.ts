import type { JobRecord } from '../jobs/job.ts';
import type { JobRunner } from '../jobs/job-runner.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { toTrainingPart } from '../jobs/job-summary.ts';
import type { JobTraits } from '../jobs/job-traits.ts';
import type { JobView } from '../jobs/observation.ts';
import { RecentCache } from '../recent-cache.ts';
import type { JobStatus } from '../requests/job-status.ts';

export interface JobIndexParts {
  readonly store: Pick<JobStore, 'watch' | 'list' | 'getCached'>;
  readonly runner: Pick<JobRunner, 'watch'>;
  /** What is to be said of a job now. */
  readonly look: (record: JobRecord) => JobView;
}

/**
 * What a list may ask of a job, in one object: of a hundred thousand jobs it is following references
 * through memory that takes the time.
 */
export interface IndexedJob {
  readonly view: JobView;
  readonly id: string;
  readonly name: string;
  readonly atMs: number;
  readonly status: JobStatus;
  readonly reason: string;
  readonly phase: string | null;
  readonly rerunOf: string | undefined;
  /** Mostly one object for all jobs with the same traits. */
  readonly traits: JobTraits | undefined;
}

/** Of all jobs there are, mostly far fewer differ in these. */
const MAX_TRAITS = 10_000;

/**
 * How all jobs are, so that a list of a hundred thousand looks only at those that have changed. To
 * look at a job costs microseconds, which all of them together turn into tenths of a second.
 */
export class JobIndex {
  readonly #parts: JobIndexParts;
  /** By the record's name, in the order of their creation as far as it is known here. */
  readonly #jobs = new Map<string, IndexedJob>();
  /** Records and runs that were told of since they were looked at. */
  readonly #changed = new Set<string>();
  readonly #traits = new RecentCache<JobTraits>({ maxSize: MAX_TRAITS });
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
  newestFirst(): readonly IndexedJob[] {
    if (this.#isFilled) this.#followChanges();
    else this.#fill();
    return [...this.#jobs.values()].reverse();
  }

  /** How a job of this index is right now. */
  refresh({ view }: IndexedJob): IndexedJob {
    return this.#put(view.record);
  }

  #put(record: JobRecord): IndexedJob {
    const view = this.#parts.look(record);
    const job = {
      view,
      id: record.id,
      name: record.name,
      atMs: record.createdAtMs,
      status: view.state.status,
      reason: view.state.reason,
      phase: toTrainingPart(view).phase,
      rerunOf: record.rerunOf?.jobId,
      traits: this.#share(record.traits),
    };
    this.#jobs.set(record.name, job);
    return job;
  }

  #share(traits: JobTraits | undefined): JobTraits | undefined {
    return traits && this.#traits.memo(JSON.stringify(traits), () => traits);
  }

  #fill(): void {
    this.#isFilled = true;
    for (const record of this.#parts.store.list()) this.#put(record);
  }

  #followChanges(): void {
    for (const name of this.#changed) {
      const record = this.#parts.store.getCached(name);
      // A job that was submitted again is a new one.
      if (this.#jobs.get(name)?.view.record.uid !== record?.uid) this.#jobs.delete(name);
      if (record !== undefined) this.#put(record);
    }
    this.#changed.clear();
  }
}
