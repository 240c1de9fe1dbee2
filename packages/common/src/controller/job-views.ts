import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { errors, TrainerError } from '../errors.ts';
import type { JobRecord, JsonObject, PlannedJob } from '../jobs/job.ts';
import { toJobName } from '../jobs/job-name.ts';
import type { JobRunner } from '../jobs/job-runner.ts';
import type { JobStore } from '../jobs/job-store.ts';
import {
  isChangeOf,
  type JobView,
  projectJob,
  type ReadProgress,
  withReportedProgress,
} from '../jobs/observation.ts';
import { behindForMs, isStale } from '../jobs/staleness.ts';

export interface JobAnswer {
  readonly view: JobView;
  /** What was asked and made of it; undefined once the record was deleted meanwhile. */
  readonly readPlan: () => Promise<PlannedJob | undefined>;
  /** The whole result; undefined where there is none, or where it is not at hand now. */
  readonly readResult: () => Promise<JsonObject | undefined>;
  /** Since when it may lack changes, in UNIX milliseconds; undefined while it is fresh. */
  readonly staleSinceMs?: number | undefined;
}

export interface JobViewsParts {
  readonly store: JobStore;
  readonly runner: JobRunner;
  readonly clock: Clock;
  readonly backend: string;
  /** What trainings report of their progress to this process. */
  readonly progressOf?: ReadProgress | undefined;
}

/** Of states that are seen but not written, which the leader does within moments. */
const MAX_FIRST_TOLD = 10_000;

/** Jobs as they are now: what their records say, and what is seen of their runs. */
export class JobViews {
  readonly #parts: JobViewsParts;
  readonly #firstTold = new LRUCache<string, number>({ max: MAX_FIRST_TOLD });

  constructor(parts: JobViewsParts) {
    this.#parts = parts;
  }

  /** @throws TrainerError JOB_NOT_FOUND, CLUSTER_UNAVAILABLE */
  async find(jobId: string): Promise<JobRecord> {
    const { store, backend } = this.#parts;
    const record = await store.get(toJobName(backend, jobId));
    if (record === undefined) {
      throw isStale(store.behindForMs()) ? errors.clusterUnreachable() : errors.jobNotFound(jobId);
    }
    // The id is a part of the record, which may be what cannot be read of it.
    return withId(record, jobId);
  }

  /** What to answer of a record, by its newest state. */
  answer(record: JobRecord): JobAnswer {
    const { store } = this.#parts;
    const newest = store.getCached(record.name);
    const current = newest?.uid === record.uid ? withId(newest, record.id) : record;
    const view = this.look(current);
    const staleSinceMs = this.staleSinceMs();
    const readResult = () => store.readAttachment(record, 'result').catch(undefinedIfUnreachable);
    if (staleSinceMs === undefined) {
      return { view, readPlan: () => store.readPlan(record), readResult };
    }
    // The state is worth more than what was submitted, which may not be at hand now.
    const readPlan = () => store.readPlan(record).catch(undefinedIfUnreachable);
    return { view, readPlan, readResult, staleSinceMs };
  }

  /** A job without any call. */
  look(record: JobRecord): JobView {
    return withReportedProgress(this.#project(record), this.#parts.progressOf);
  }

  /** Since when what is known here may lack changes; undefined while it is fresh, and before the first list. */
  staleSinceMs(): number | undefined {
    const behindMs = behindForMs(this.#parts);
    const isFresh = !isStale(behindMs) || !Number.isFinite(behindMs);
    return isFresh ? undefined : this.#parts.clock.now() - behindMs;
  }

  /** What was seen but is not written yet keeps the time at which it was first answered. */
  #project(record: JobRecord): JobView {
    const { runner, clock } = this.#parts;
    const seen = runner.getCached(record.name);
    const nowMs = clock.now();
    const view = projectJob(record, seen, nowMs);
    if (!isChangeOf(record, view.state)) return view;
    const key = `${record.uid} ${view.state.status} ${view.state.reason}`;
    const sinceMs = this.#firstTold.get(key);
    if (sinceMs !== undefined) return projectJob(record, seen, sinceMs);
    this.#firstTold.set(key, nowMs);
    return view;
  }
}

function withId(record: JobRecord, id: string): JobRecord {
  return record.id === id ? record : { ...record, id };
}

function undefinedIfUnreachable(error: unknown): undefined {
  if (!(error instanceof TrainerError && error.code === 'CLUSTER_UNAVAILABLE')) throw error;
}
