import { LRUCache } from 'lru-cache';
import { errors, isLogged, TrainerError } from '../errors.ts';
import {
  type CallbackTarget,
  isTerminal,
  type JobRecord,
  type JsonObject,
  NO_DELIVERY,
  type PlannedJob,
  type RerunOrigin,
} from '../jobs/job.ts';
import { type Actor, type JobEvent, SYSTEM } from '../jobs/job-event.ts';
import { logProgress } from '../jobs/job-log.ts';
import { toJobName } from '../jobs/job-name.ts';
import {
  isChangeOf,
  isRunOf,
  type JobView,
  type Observation,
  projectJob,
  type ReadProgress,
  withReportedProgress,
} from '../jobs/observation.ts';
import { behindForMs, isStale } from '../jobs/staleness.ts';
import { updateRecord } from '../jobs/update-record.ts';
import { type DeliveryStateName, MAX_DELIVERIES } from '../requests/delivery-list.ts';
import type { JobListQuery } from '../requests/job-list.ts';
import type { RerunStart } from '../requests/rerun.ts';
import { awaitRevision } from './await-revision.ts';
import { type CallbackPatch, toCallbackChange } from './callback-change.ts';
import { EndChange } from './end-change.ts';
import { forgetJob } from './forget-job.ts';
import type { JobChanges } from './job-changes.ts';
import { type IndexedJob, JobIndex } from './job-index.ts';
import { type JobPage, pickJobPage } from './job-list.ts';
import type { LastWordsParts } from './last-words.ts';
import {
  type DeliveryFilter,
  type DeliveryPage,
  listDeliveries,
  toDeliveryState,
} from './list-deliveries.ts';
import { type JobPlan, planJob } from './plan-job.ts';
import { type Replays, replayDeliveries } from './replay-deliveries.ts';
import { RerunIndex } from './rerun-index.ts';
import { type RerunSource, readRerunSource, tellRerun } from './reruns.ts';
import { type Submission, Submitter, type SubmitterParts } from './submitter.ts';
import { toCancelled, toObservedEnd } from './terminal-states.ts';

export interface JobAnswer {
  readonly view: JobView;
  /** What was asked and made of it; undefined once the record was deleted meanwhile. */
  readonly readPlan: () => Promise<PlannedJob | undefined>;
  /** The whole result; undefined where there is none, or where it is not at hand now. */
  readonly readResult: () => Promise<JsonObject | undefined>;
  /** Since when it may lack changes, in UNIX milliseconds; undefined while it is fresh. */
  readonly staleSinceMs?: number | undefined;
}

/** A page of the list of jobs. */
export interface JobListPage extends Omit<JobPage, 'jobs'>, Pick<JobAnswer, 'staleSinceMs'> {
  readonly views: readonly JobView[];
}

export interface JobsParts extends SubmitterParts, LastWordsParts {
  /** Tells of changes of one record at least. */
  readonly changes: Pick<JobChanges, 'watch'>;
  readonly backend: string;
  /** How long a run may take to save a checkpoint. */
  readonly graceMs: number;
  /** What trainings report of their progress to this process. */
  readonly progressOf?: ReadProgress | undefined;
}

/** Of states that are seen but not written, which the leader does within moments. */
const MAX_FIRST_TOLD = 10_000;

/** What callers can do with one backend's jobs. The controller does all the rest. */
export class Jobs {
  readonly #parts: JobsParts;
  readonly #submitter: Submitter;
  readonly #firstTold = new LRUCache<string, number>({ max: MAX_FIRST_TOLD });
  readonly #endChange: EndChange;
  readonly #index: JobIndex;
  readonly #reruns: RerunIndex;

  constructor(parts: JobsParts) {
    this.#parts = parts;
    this.#index = new JobIndex({ ...parts, look: (record) => this.#look(record) });
    this.#submitter = new Submitter(parts);
    this.#endChange = new EndChange(parts);
    this.#reruns = new RerunIndex(parts.store);
  }

  /** See Submitter. */
  async submit(
    submission: Submission,
    by: Actor = SYSTEM,
  ): Promise<JobAnswer & { readonly isReplay: boolean }> {
    const name = toJobName(this.#parts.backend, submission.spec.jobId);
    const { record, plan, isReplay } = await this.#submitter.submit(name, submission, by);
    await tellRerun(this.#parts, record, { by, isReplay });
    if (isReplay) return { ...this.#answer(record), isReplay };
    // A submission is answered with its acceptance, whatever has become of the job by now.
    const view = { record, state: record.state, progress: undefined };
    const readResult = async () => undefined;
    return { view, readPlan: async () => plan, readResult, isReplay };
  }

  /** What a job is run again from; see `readRerunSource`. */
  async readRerunSource(jobId: string, from: RerunStart | undefined): Promise<RerunSource> {
    return readRerunSource(this.#parts, await this.#find(jobId), from);
  }

  /**
   * The job that the same rerun has made before; undefined where there is no job of that id.
   * @throws TrainerError JOB_CONFLICT for a job of that id that something else has made; and as `submit`
   */
  async replayRerun(
    jobId: string,
    origin: RerunOrigin,
    by: Actor = SYSTEM,
  ): Promise<JobAnswer | undefined> {
    const accepted = await this.#submitter.replay(toJobName(this.#parts.backend, jobId), origin);
    if (accepted === undefined) return undefined;
    await tellRerun(this.#parts, accepted.record, { by, isReplay: true });
    return this.#answer(accepted.record);
  }

  /** The ids of the jobs that a job was run again as; see `RerunIndex`. */
  rerunsOf(record: JobRecord): string[] {
    return this.#reruns.rerunsOf(record);
  }

  /** See `planJob`. */
  plan(submission: Submission): Promise<JobPlan> {
    return planJob(this.#parts, submission);
  }

  /** @throws TrainerError JOB_NOT_FOUND, CLUSTER_UNAVAILABLE */
  async get(jobId: string): Promise<JobAnswer> {
    return this.#answer(await this.#find(jobId));
  }

  /**
   * A page of the jobs that match, from what is at hand: no call to store or runner.
   * @throws TrainerError INVALID_REQUEST, CLUSTER_UNAVAILABLE before the first list
   */
  list(query: JobListQuery): JobListPage {
    const { store, clock } = this.#parts;
    if (store.notReadyReason() !== undefined) throw errors.clusterUnreachable();
    const page = this.#pickPage(query);
    const behindMs = behindForMs(this.#parts);
    const isFresh = !isStale(behindMs) || !Number.isFinite(behindMs);
    return isFresh ? page : { ...page, staleSinceMs: clock.now() - behindMs };
  }

  /** What is kept of a job's history, oldest first. */
  readEvents(record: JobRecord): Promise<readonly JobEvent[]> {
    return this.#parts.store.readEvents(record);
  }

  /**
   * Whether a job has another revision than `after`, for which it is waited as long as `timeoutMs`, and
   * no longer than `signal` lets it.
   * @throws as `get` does
   */
  async awaitRevision(
    jobId: string,
    wanted: { readonly after: number; readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<boolean> {
    return awaitRevision(this.#parts, await this.#find(jobId), wanted);
  }

  /** Calls `listener` with the name of every record that is gone; returns how to stop that. */
  watchGone(listener: (name: string) => void): () => void {
    const { store } = this.#parts;
    return store.watch((name) => {
      if (store.getCached(name) === undefined) listener(name);
    });
  }

  /** What is known of a record without any call; `name` is the record's. */
  getRecord(name: string): JobRecord | undefined {
    return this.#parts.store.getCached(name);
  }

  /** All jobs as they are known here, without any call. */
  *views(): Iterable<JobView> {
    for (const record of this.#parts.store.list()) {
      yield this.#look(record);
    }
  }

  /**
   * Ends a job for good; `detail` says what came of it. One that has ended keeps its end, also when
   * only a live look shows that. With `save`, a training that reports is ordered to save a checkpoint
   * first, for which its run has a while.
   * @throws TrainerError JOB_NOT_FOUND, CLUSTER_UNAVAILABLE
   */
  async cancel(
    jobId: string,
    { save = false, by = SYSTEM }: { readonly save?: boolean; readonly by?: Actor } = {},
  ): Promise<JobAnswer & { readonly detail: string; readonly isCancelled: boolean }> {
    const { store, runner, clock, logger, graceMs } = this.#parts;
    let isOurs = false;
    /** The record that this call ends; undefined where it has ended before. */
    let before: JobRecord | undefined;
    const record = await updateRecord(store, await this.#find(jobId), async (current) => {
      isOurs = false;
      before = undefined;
      if (isTerminal(current.state.status)) return undefined;
      before = current;
      const seen = await runner.observe(current.name);
      const hasEnded = isRunOf(current, seen) && isTerminal(seen.status);
      isOurs = !hasEnded;
      const nowMs = clock.now();
      return {
        ...(hasEnded
          ? await this.#endChange.toChange(current, toObservedEnd(current, seen, nowMs), seen)
          : {
              by,
              state: toCancelled(current, seen, nowMs),
              ...(save && canSave(current, seen) && { stopAtMs: nowMs + graceMs }),
            }),
        // Written anew, it can be read again, so that the end is sent.
        ...(current.unreadable?.includes('delivery') && { delivery: current.delivery }),
      };
    });
    if (record === undefined) throw errors.jobNotFound(jobId);
    if (isOurs && record.stopAtMs === undefined) {
      // The controller repeats this until nothing runs, so a failure here loses nothing.
      await runner.stop(record).catch((error: unknown) => {
        logger[isLogged(error) ? 'debug' : 'warn'](
          { job: record.name, err: error },
          'stop failed, controller will retry',
        );
      });
    }
    const detail = isOurs ? record.state.detail : `Job already ${record.state.status}`;
    if (before !== undefined && !isOurs) logProgress(logger, before, record);
    return { ...this.#answer(record), detail, isCancelled: isOurs };
  }

  /**
   * Has the newest callback of a job sent again, also one that was settled.
   * @throws TrainerError REPLAY_REFUSED when the job has no webhook, or when what it is called with
   *   was deleted; and as `get` does.
   */
  async replayCallback(jobId: string, by: Actor = SYSTEM): Promise<JobRecord> {
    return this.#replay(jobId, by, () => true);
  }

  /** One page of the final callbacks that are known here; see `listDeliveries`. */
  listDeliveries(filter: DeliveryFilter): DeliveryPage {
    return listDeliveries(this.#parts.store.list(), filter);
  }

  /**
   * Has the callbacks of these jobs sent again, or the oldest thousand of one state; what has left that
   * state meanwhile is left alone. See `replayDeliveries`.
   */
  async replayCallbacks({
    state,
    jobIds,
    by = SYSTEM,
  }: {
    readonly state?: DeliveryStateName | undefined;
    readonly jobIds?: readonly string[] | undefined;
    readonly by?: Actor;
  }): Promise<Replays & { readonly hasMore: boolean }> {
    if (state === undefined) {
      const replays = await replayDeliveries(jobIds ?? [], (jobId) =>
        this.replayCallback(jobId, by),
      );
      return { ...replays, hasMore: false };
    }
    const { records } = this.listDeliveries({ states: [state], limit: Number.POSITIVE_INFINITY });
    const oldest = records.toReversed().slice(0, MAX_DELIVERIES);
    const isStill = (record: JobRecord) => toDeliveryState(record) === state;
    const replays = await replayDeliveries(
      oldest.map(({ id }) => id),
      async (jobId) => {
        let isOurs = false;
        const record = await this.#replay(jobId, by, (current) => {
          isOurs = isStill(current);
          return isOurs;
        });
        return isOurs ? record : undefined;
      },
    );
    return { ...replays, hasMore: records.length > oldest.length };
  }

  async #replay(
    jobId: string,
    by: Actor,
    isWanted: (current: JobRecord) => boolean,
  ): Promise<JobRecord> {
    const { store, clock } = this.#parts;
    const record = await updateRecord(store, await this.#find(jobId), (current) => {
      if (!isWanted(current)) return undefined;
      if (!current.hasWebhook) throw errors.nothingToReplay(jobId);
      if (current.webhookAuth === 'gone') throw errors.webhookAuthGone(jobId);
      const { attempts } = current.delivery;
      return { by, delivery: { ...NO_DELIVERY, attempts, replayedAtMs: clock.now() } };
    });
    if (record === undefined) throw errors.jobNotFound(jobId);
    return record;
  }

  /**
   * Changes where the callbacks of a job go; resolves with where that is then.
   * @throws TrainerError CALLBACK_CHANGE_REFUSED once the final callback is settled; INVALID_REQUEST for
   *   a patch that leaves no webhook to what it sets; and as `get` does.
   */
  async changeCallback(
    jobId: string,
    patch: CallbackPatch,
    by: Actor = SYSTEM,
  ): Promise<{ readonly record: JobRecord; readonly target: CallbackTarget | undefined }> {
    const { store, clock } = this.#parts;
    let wanted: CallbackTarget | undefined;
    const record = await updateRecord(store, await this.#find(jobId), async (current) => {
      const payload = await store.readPayload(current);
      if (payload === undefined) throw errors.jobNotFound(jobId);
      const change = toCallbackChange(current, payload.callback, patch, clock.now());
      wanted = change === undefined ? payload.callback : change.callback?.target;
      return change && { ...change, by, atMs: clock.now() };
    });
    if (record === undefined) throw errors.jobNotFound(jobId);
    return { record, target: wanted };
  }

  /** Forgets an ended job for good; see `forgetJob`. */
  async forget(jobId: string, options: { readonly dropsCallback: boolean }): Promise<JobRecord> {
    const record = await this.#find(jobId);
    await forgetJob(this.#parts, record, options);
    return record;
  }

  /** Resolves when nothing that an answer left behind is still under way. */
  async close(): Promise<void> {
    this.#reruns.close();
    await this.#submitter.close();
  }

  async #find(jobId: string): Promise<JobRecord> {
    const { store, backend } = this.#parts;
    const record = await store.get(toJobName(backend, jobId));
    if (record === undefined) {
      throw isStale(store.behindForMs()) ? errors.clusterUnreachable() : errors.jobNotFound(jobId);
    }
    // The id is a part of the record, which may be what cannot be read of it.
    return withId(record, jobId);
  }

  #answer(record: JobRecord): JobAnswer {
    const { store, clock } = this.#parts;
    const newest = store.getCached(record.name);
    const current = newest?.uid === record.uid ? withId(newest, record.id) : record;
    const view = this.#look(current);
    const behindMs = behindForMs(this.#parts);
    const readResult = () => store.readAttachment(record, 'result').catch(undefinedIfUnreachable);
    if (!isStale(behindMs) || !Number.isFinite(behindMs)) {
      return { view, readPlan: () => store.readPlan(record), readResult };
    }
    // The state is worth more than what was submitted, which may not be at hand now.
    const readPlan = () => store.readPlan(record).catch(undefinedIfUnreachable);
    return { view, readPlan, readResult, staleSinceMs: clock.now() - behindMs };
  }

  /** A page shows its jobs as they are now; one that has changed meanwhile may not belong there. */
  #pickPage(query: JobListQuery): Omit<JobListPage, 'staleSinceMs'> {
    for (;;) {
      const { jobs, ...page } = pickJobPage(this.#index.newestFirst(), query);
      const current = jobs.map((job) => this.#index.refresh(job));
      const isSame = current.every((job, place) => isListedAlike(job, jobs[place]));
      if (isSame) return { ...page, views: current.map(({ view }) => view) };
    }
  }

  #look(record: JobRecord): JobView {
    return withReportedProgress(this.#project(record), this.#parts.progressOf);
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

/** Whether what changes of what a list can be asked for is the same. */
function isListedAlike(job: IndexedJob, listed: IndexedJob | undefined): boolean {
  const { status, reason, phase } = job;
  return status === listed?.status && reason === listed.reason && phase === listed.phase;
}

/** Whether there is a training that takes orders and has something to save. */
function canSave(record: JobRecord, seen: Observation): boolean {
  if (record.reportTokenHash === undefined || !isRunOf(record, seen)) return false;
  return !seen.isStopping && (seen.startedAtMs ?? record.state.startedAtMs) !== undefined;
}

function withId(record: JobRecord, id: string): JobRecord {
  return record.id === id ? record : { ...record, id };
}

function undefinedIfUnreachable(error: unknown): undefined {
  if (!(error instanceof TrainerError && error.code === 'CLUSTER_UNAVAILABLE')) throw error;
}
