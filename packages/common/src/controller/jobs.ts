import { errors } from '../errors.ts';
import type { JobRecord, RerunOrigin } from '../jobs/job.ts';
import { type Actor, type JobEvent, SYSTEM } from '../jobs/job-event.ts';
import { toJobName } from '../jobs/job-name.ts';
import type { JobView } from '../jobs/observation.ts';
import type { RequestIdentity } from '../requests/asked-forms.ts';
import type { DeliveryStateName } from '../requests/delivery-list.ts';
import type { JobListQuery } from '../requests/job-list.ts';
import type { RerunStart } from '../requests/rerun.ts';
import { awaitRevision } from './await-revision.ts';
import { type CancelJobParts, type CancelOutcome, cancelJob } from './cancel-job.ts';
import { type CallbackPatch, changeCallback } from './change-callback.ts';
import { EndChange } from './end-change.ts';
import { forgetJob } from './forget-job.ts';
import type { JobChanges } from './job-changes.ts';
import { type IndexedJob, JobIndex } from './job-index.ts';
import { type JobPage, pickJobPage } from './job-list.ts';
import { type JobAnswer, JobViews, type JobViewsParts } from './job-views.ts';
import { type DeliveryFilter, type DeliveryPage, listDeliveries } from './list-deliveries.ts';
import { type JobPlan, planJob } from './plan-job.ts';
import { type AskedRequest, readRequest } from './read-request.ts';
import {
  type ReplayParts,
  type Replays,
  replayDeliveries,
  replayDelivery,
  replayState,
} from './replay-deliveries.ts';
import { RerunIndex } from './rerun-index.ts';
import { type RerunSource, readRerunSource, tellRerun } from './reruns.ts';
import {
  type Accepted,
  type ReadAsked,
  type Submission,
  Submitter,
  type SubmitterParts,
} from './submitter.ts';

/** A page of the list of jobs. */
export interface JobListPage extends Omit<JobPage, 'jobs'>, Pick<JobAnswer, 'staleSinceMs'> {
  readonly views: readonly JobView[];
}

export interface JobsParts
  extends SubmitterParts,
    JobViewsParts,
    Omit<CancelJobParts, 'endChange'> {
  /** Tells of changes of one record at least. */
  readonly changes: Pick<JobChanges, 'watch'>;
}

/** What callers can do with one backend's jobs. The controller does all the rest. */
export class Jobs {
  readonly #parts: JobsParts;
  readonly #submitter: Submitter;
  readonly #views: JobViews;
  readonly #endChange: EndChange;
  readonly #index: JobIndex;
  readonly #reruns: RerunIndex;

  constructor(parts: JobsParts) {
    this.#parts = parts;
    this.#views = new JobViews(parts);
    this.#index = new JobIndex({ ...parts, look: (record) => this.#views.look(record) });
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
    if (isReplay) return { ...this.#views.answer(record), isReplay };
    // A submission is answered with its acceptance, whatever has become of the job by now.
    const view = { record, state: record.state, progress: undefined };
    const readResult = async () => undefined;
    return { view, readPlan: async () => plan, readResult, isReplay };
  }

  /** What a job was asked for; see `readRequest`. */
  async readRequest(jobId: string): Promise<AskedRequest> {
    return readRequest(this.#parts, await this.#views.find(jobId));
  }

  /** What a job is run again from; see `readRerunSource`. */
  async readRerunSource(jobId: string, from: RerunStart | undefined): Promise<RerunSource> {
    return readRerunSource(this.#parts, await this.#views.find(jobId), from);
  }

  /**
   * The job that the same rerun has made before; undefined where there is no job of that id.
   * @throws TrainerError JOB_CONFLICT for a job of that id that something else has made; and as `submit`
   */
  async replayRerun(
    jobId: string,
    origin: RerunOrigin,
    readAsked: ReadAsked,
    by: Actor = SYSTEM,
  ): Promise<JobAnswer | undefined> {
    const name = toJobName(this.#parts.backend, jobId);
    return this.#tellReplay(await this.#submitter.replay(name, origin, readAsked), by);
  }

  /** The job that the same request has made before; see `Submitter`. */
  async replayRequest(
    { jobId, ...identity }: RequestIdentity & { readonly jobId: string },
    by: Actor = SYSTEM,
  ): Promise<JobAnswer | undefined> {
    const name = toJobName(this.#parts.backend, jobId);
    return this.#tellReplay(await this.#submitter.replayRequest(name, identity), by);
  }

  async #tellReplay(accepted: Accepted | undefined, by: Actor): Promise<JobAnswer | undefined> {
    if (accepted === undefined) return undefined;
    await tellRerun(this.#parts, accepted.record, { by, isReplay: true });
    return this.#views.answer(accepted.record);
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
    return this.#views.answer(await this.#views.find(jobId));
  }

  /**
   * A page of the jobs that match, from what is at hand: no call to store or runner.
   * @throws TrainerError INVALID_REQUEST, CLUSTER_UNAVAILABLE before the first list
   */
  list(query: JobListQuery): JobListPage {
    const { store } = this.#parts;
    if (store.notReadyReason() !== undefined) throw errors.clusterUnreachable();
    const page = this.#pickPage(query);
    const staleSinceMs = this.#views.staleSinceMs();
    return staleSinceMs === undefined ? page : { ...page, staleSinceMs };
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
    return awaitRevision(this.#parts, await this.#views.find(jobId), wanted);
  }

  /** The name of a job's record, where one is kept; without any call. */
  findName(jobId: string): string | undefined {
    const { store, backend } = this.#parts;
    const name = toJobName(backend, jobId);
    return store.getCached(name) === undefined ? undefined : name;
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
      yield this.#views.look(record);
    }
  }

  /** Ends a job for good; see `cancelJob`. */
  async cancel(
    jobId: string,
    { save = false, by = SYSTEM }: { readonly save?: boolean; readonly by?: Actor } = {},
  ): Promise<JobAnswer & Pick<CancelOutcome, 'detail' | 'isCancelled'>> {
    const parts = { ...this.#parts, endChange: this.#endChange };
    const { record, ...outcome } = await cancelJob(parts, await this.#views.find(jobId), {
      save,
      by,
    });
    return { ...this.#views.answer(record), ...outcome };
  }

  /** Has the newest callback of a job sent again; see `replayDelivery`. */
  async replayCallback(jobId: string, by: Actor = SYSTEM): Promise<JobRecord> {
    return (await replayDelivery(this.#replayParts(), jobId, by)).record;
  }

  /** One page of the final callbacks that are known here; see `listDeliveries`. */
  listDeliveries(filter: DeliveryFilter): DeliveryPage {
    return listDeliveries(this.#parts.store.list(), filter);
  }

  /** Has the callbacks of these jobs sent again, or of one state; see `replayDeliveries`, `replayState`. */
  async replayCallbacks({
    state,
    cursor,
    jobIds = [],
    by = SYSTEM,
  }: {
    readonly state?: DeliveryStateName | undefined;
    readonly cursor?: string | undefined;
    readonly jobIds?: readonly string[] | undefined;
    readonly by?: Actor;
  }): Promise<Replays & { readonly nextCursor: string | undefined }> {
    if (state !== undefined) return replayState(this.#replayParts(), { state, cursor }, by);
    return { ...(await replayDeliveries(this.#replayParts(), jobIds, by)), nextCursor: undefined };
  }

  #replayParts(): ReplayParts {
    return { ...this.#parts, find: (jobId) => this.#views.find(jobId) };
  }

  /** Changes where the callbacks of a job go; see `changeCallback`. */
  async changeCallback(jobId: string, patch: CallbackPatch, by: Actor = SYSTEM) {
    return changeCallback(this.#parts, await this.#views.find(jobId), patch, by);
  }

  /** Forgets an ended job for good; see `forgetJob`. */
  async forget(jobId: string, options: { readonly dropsCallback: boolean }): Promise<JobRecord> {
    const record = await this.#views.find(jobId);
    await forgetJob(this.#parts, record, options);
    return record;
  }

  /** Resolves when nothing that an answer left behind is still under way. */
  async close(): Promise<void> {
    this.#reruns.close();
    await this.#submitter.close();
  }

  /** A page shows its jobs as they are now; one that has changed meanwhile may not belong there. */
  #pickPage(query: JobListQuery): Omit<JobListPage, 'staleSinceMs'> {
    const { store, backend } = this.#parts;
    const { rerun_of: parent } = query;
    const known = parent === undefined ? undefined : store.getCached(toJobName(backend, parent));
    for (;;) {
      const { jobs, ...page } = pickJobPage(this.#index.newestFirst(), query, known?.createdAtMs);
      const current = jobs.map((job) => this.#index.refresh(job));
      const isSame = current.every((job, place) => isListedAlike(job, jobs[place]));
      if (isSame) return { ...page, views: current.map(({ view }) => view) };
    }
  }
}

/** Whether what changes of what a list can be asked for is the same. */
function isListedAlike(job: IndexedJob, listed: IndexedJob | undefined): boolean {
  const { status, reason, phase } = job;
  return status === listed?.status && reason === listed.reason && phase === listed.phase;
}
