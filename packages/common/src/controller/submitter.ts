import pLimit from 'p-limit';
import type { Logger } from 'pino';
import { toOrigin } from '../callbacks/origin-limiter.ts';
import type { Clock } from '../clock.ts';
import { errors, isLogged, TrainerError } from '../errors.ts';
import {
  type CallbackTarget,
  isTerminal,
  type JobDraft,
  type JobRecord,
  type JsonObject,
  NO_DELIVERY,
  type PlannedJob,
  type RerunOrigin,
  toAcceptedState,
} from '../jobs/job.ts';
import { type Actor, SYSTEM } from '../jobs/job-event.ts';
import type { JobRunner, PreparedJob, StartOutcome } from '../jobs/job-runner.ts';
import type { SpecifiedJob } from '../jobs/job-spec.ts';
import type { JobStore } from '../jobs/job-store.ts';
import type { JobTraits } from '../jobs/job-traits.ts';
import { toLogged } from '../jobs/operator-lines.ts';
import { type ReportAccess, withReportAccess } from '../jobs/report-token.ts';
import { updateRecord } from '../jobs/update-record.ts';
import { isRepeated, nameDifferences, type RequestIdentity } from '../requests/asked-forms.ts';
import type { KeptRequest } from '../requests/kept-request.ts';
import { assertResumable } from './assert-resumable.ts';
import { toPlanChange } from './plan-change.ts';
import { toRefused } from './terminal-states.ts';

/** A request that passed every rule. */
export interface Submission extends SpecifiedJob, RequestIdentity {
  readonly callback: CallbackTarget | undefined;
  readonly warnings: readonly string[];
  /** What a list tells of it. */
  readonly traits: JobTraits;
  /** What a rerun is made of; undefined where it is too large to be kept. */
  readonly request: KeptRequest | undefined;
  /** Of a rerun: what it is made of. */
  readonly rerunOf?: RerunOrigin | undefined;
}

/** By what a repeated submission is known again; what was asked names where a conflict lies. */
type Repeatable = Pick<Submission, 'fingerprints'> & Partial<Pick<Submission, 'asked'>>;
type Repetition =
  | (Repeatable & { readonly rerunOf?: undefined })
  | (Partial<Repeatable> & {
      readonly rerunOf: RerunOrigin;
      /** Where `asked` is not at hand. */
      readonly readAsked?: ReadAsked;
    });

/** What a rerun would ask for; undefined where it could not be made at all. */
export type ReadAsked = () => Promise<Submission['asked'] | undefined>;

export interface SubmitterParts {
  readonly store: JobStore;
  readonly runner: JobRunner;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxJobs: number;
  /** Where trainings report; undefined where they cannot. */
  readonly reportAccess?: ReportAccess | undefined;
}

export interface Accepted {
  readonly record: JobRecord;
  /** Where it is at hand; the store has it, too. */
  readonly plan?: PlannedJob;
  readonly isReplay: boolean;
}

/** What came of a start, with record and plan as they then stand. */
interface Started {
  readonly record: JobRecord;
  readonly planned: PlannedJob;
  readonly result: StartOutcome | undefined;
}

/** So many notes are written at a time, so that they hold up no further submission. */
const CONCURRENT_NOTES = 4;

/** Brings jobs into being: the record first, then the run. */
export class Submitter {
  readonly #parts: SubmitterParts;
  readonly #unfinished = new Set<Promise<unknown>>();
  readonly #limitNotes = pLimit(CONCURRENT_NOTES);

  constructor(parts: SubmitterParts) {
    this.#parts = parts;
  }

  /**
   * Once the record exists the job is accepted, whatever happens next: the controller finishes what
   * is left open.
   * @throws TrainerError JOB_CONFLICT, INVALID_REQUEST, SUBMISSION_REFUSED, TOO_MANY_JOBS, CLUSTER_UNAVAILABLE
   */
  async submit(name: string, submission: Submission, by: Actor = SYSTEM): Promise<Accepted> {
    const { store, runner, maxJobs } = this.#parts;
    // A record that is not cached may exist all the same; creating it finds out at no further cost.
    const isFull = store.count() >= maxJobs;
    const known = isFull ? await store.get(name) : store.getCached(name);
    const replayed = known && (await this.#replay(known, submission));
    if (replayed !== undefined) return replayed;
    if (isFull) throw errors.tooManyJobs(maxJobs);

    await assertResumable(store, submission);
    const { reportAccess } = this.#parts;
    const { job, reportTokenHash } =
      reportAccess === undefined
        ? { job: submission, reportTokenHash: undefined }
        : withReportAccess(submission, reportAccess);
    const prepared = await runner.prepare(job.spec);
    const { draft, payload } = this.#draft(name, job, prepared, reportTokenHash);
    const created = await store.create(draft, payload, by);
    if (created.outcome === 'taken') throw errors.jobNameTaken(created.detail);
    if (created.outcome === 'exists') {
      const replayed = await this.#replay(created.record, submission);
      if (replayed === undefined) throw errors.jobJustDeleted();
      return replayed;
    }
    const { record, planned, result } = await this.#start(created.record, payload);
    const refusal = toRefusal(result);
    if (refusal !== undefined) {
      const isGone = await this.#quietly(record, 'delete', () => store.delete(record));
      if (isGone === undefined) throw errors.refusalUncertain(refusal);
      if (isGone) throw refusal;
      // Someone changed the record meanwhile, so it is theirs to end: the controller latches it.
    }
    return { record, plan: planned, isReplay: false };
  }

  /**
   * The job of a rerun that was made before; undefined where there is no job of that name.
   * @throws as `submit` does
   */
  async replay(
    name: string,
    rerunOf: RerunOrigin,
    readAsked: ReadAsked,
  ): Promise<Accepted | undefined> {
    const known = await this.#parts.store.get(name);
    return known && this.#replay(known, { rerunOf, readAsked });
  }

  /**
   * The job that the same request has made before, whatever is demanded of requests since; undefined
   * where there is none that is known.
   * @throws as `submit` does
   */
  async replayRequest(name: string, identity: RequestIdentity): Promise<Accepted | undefined> {
    const known = await this.#find(name);
    if (known === undefined || !isRepeated(known, identity.fingerprints)) return undefined;
    return this.#replay(known, identity);
  }

  /** Resolves when nothing that an answer left behind is still under way. */
  async close(): Promise<void> {
    // Nobody else is answered any more, and the next leader waits.
    this.#limitNotes.concurrency = Number.POSITIVE_INFINITY;
    await Promise.all(this.#unfinished);
  }

  /** What is wrong with a request can be told also while nothing can be looked up. */
  async #find(name: string): Promise<JobRecord | undefined> {
    try {
      return await this.#parts.store.get(name);
    } catch (error) {
      if (error instanceof TrainerError && error.code === 'CLUSTER_UNAVAILABLE') return undefined;
      throw error;
    }
  }

  /** Undefined when the record turns out to be gone. */
  async #replay(record: JobRecord, repetition: Repetition): Promise<Accepted | undefined> {
    const { store, clock } = this.#parts;
    if (await this.#isForgotten(record)) return undefined;
    const isSame = isRepetition(record, repetition);
    const isUnstarted =
      record.runId === undefined &&
      record.unreadable === undefined &&
      !isTerminal(record.state.status);
    if (isSame && !isUnstarted) return { record, isReplay: true };
    const planned = await store.readPlan(record);
    if (planned === undefined && (await store.getLive(record.name))?.uid !== record.uid) {
      return undefined;
    }
    if (!isSame) throw errors.jobConflict(await nameConflict(record, planned, repetition));
    const result = planned && (await this.#start(record, planned)).result;
    const refusal = toRefusal(result);
    if (refusal === undefined) return { record, isReplay: true };
    if (result?.outcome === 'forbidden') throw refusal;
    const latched = await updateRecord(store, record, (current) =>
      isTerminal(current.state.status)
        ? undefined
        : { state: toRefused(current, refusal.message, clock.now()) },
    );
    // Whoever created it was refused as well, and took it back.
    if (latched === undefined) throw refusal;
    return { record, isReplay: true };
  }

  /**
   * A job may have been cancelled and forgotten on another replica a moment ago, and its id be free:
   * told that it is a repetition of that one, a caller would wait for a job that nobody runs.
   */
  async #isForgotten(record: JobRecord): Promise<boolean> {
    try {
      return (await this.#parts.store.getLive(record.name))?.uid !== record.uid;
    } catch (error) {
      // Then it is told as last seen, like any other job.
      if (error instanceof TrainerError && error.code === 'CLUSTER_UNAVAILABLE') return false;
      throw error;
    }
  }

  #draft(
    name: string,
    submission: Submission,
    prepared: PreparedJob,
    reportTokenHash: string | undefined,
  ) {
    const nowMs = this.#parts.clock.now();
    const { spec, asked, fingerprints, callback, warnings, traits, request, rerunOf } = submission;
    const { plan, echo } = prepared;
    const secrets = { ...submission.secrets, ...prepared.secrets };
    const isNothingWithheld = request === undefined || request.withheld.length === 0;
    const hasNoCredentials = Object.keys(secrets).length === 0 && isNothingWithheld;
    const draft: JobDraft = {
      id: spec.jobId,
      name,
      backend: spec.backend,
      ...fingerprints,
      createdAtMs: nowMs,
      warnings: [...warnings, ...prepared.warnings],
      traits,
      ...(rerunOf && { rerunOf }),
      hasWebhook: callback !== undefined,
      webhookOrigin: callback && toOrigin(callback.webhookUrl),
      runId: undefined,
      planRevision: 0,
      state: toAcceptedState(nowMs),
      delivery: callback === undefined ? { ...NO_DELIVERY, settled: 'unwanted' } : NO_DELIVERY,
      areCredentialsGone: hasNoCredentials,
      ...(hasNoCredentials && { hasNoCredentials }),
      webhookAuth: callback?.authHeader === undefined ? 'none' : 'kept',
      ...(reportTokenHash !== undefined && { reportTokenHash }),
    };
    const payload = { asked, plan, echo, callback, secrets, ...(request && { request }) };
    return { draft, payload };
  }

  /** Starts the run as far as that is possible now; no result when its place gave no answer. */
  async #start(record: JobRecord, planned: PlannedJob): Promise<Started> {
    const result = await this.#startOnce(record, planned.plan);
    if (result?.outcome !== 'replanned') return { record, planned, result };
    const { store } = this.#parts;
    const { prepared } = result;
    const updated = await this.#quietly(record, 'update', () =>
      store.update(record, toPlanChange(record, prepared)),
    );
    // Whoever changed the record meanwhile, or the controller, continues from there.
    if (updated === undefined) return { record, planned, result: undefined };
    const { plan, echo } = prepared;
    const replanned = { asked: planned.asked, plan, echo };
    return {
      record: updated,
      planned: replanned,
      result: await this.#startOnce(updated, plan),
    };
  }

  async #startOnce(record: JobRecord, plan: JsonObject): Promise<StartOutcome | undefined> {
    const { store, runner } = this.#parts;
    const readSecrets = async () => (await store.readPayload(record))?.secrets;
    const result = await this.#quietly(record, 'start', () =>
      runner.start(record, plan, readSecrets),
    );
    if (result?.outcome === 'started') {
      const task = this.#quietly(record, 'update', () =>
        this.#limitNotes(() => this.#note(record, result.runId)),
      );
      this.#unfinished.add(task);
      void task.finally(() => this.#unfinished.delete(task));
    }
    return result;
  }

  /** Notes the run after the answer. One that appears after its job was cancelled is stopped. */
  async #note(record: JobRecord, runId: string): Promise<void> {
    const { store, runner } = this.#parts;
    const noted = await updateRecord(store, record, ({ runId: known, state }) =>
      known !== undefined || isTerminal(state.status) ? undefined : { runId },
    );
    if (noted === undefined || (noted.runId === undefined && isTerminal(noted.state.status))) {
      await runner.stop(record);
    }
  }

  /** For what the controller does again anyway: a failure is logged and answered with undefined. */
  async #quietly<T>(
    record: JobRecord,
    step: 'start' | 'update' | 'delete',
    work: () => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      const message = `${step} failed, controller will retry`;
      this.#parts.logger[isLogged(error) ? 'debug' : 'warn'](
        { ...toLogged(record), err: error },
        message,
      );
      return undefined;
    }
  }
}

/** A rerun is another job than a submission that asks for the same, since it tells whose it is. */
function isRepetition(record: JobRecord, repetition: Repetition): boolean {
  const { rerunOf } = repetition;
  if (rerunOf === undefined) return isRepeated(record, repetition.fingerprints);
  return record.rerunOf?.fingerprint === rerunOf.fingerprint;
}

/** Where a request or a rerun differs from what made the job of its id, as far as that is known. */
async function nameConflict(
  { rerunOf: known }: JobRecord,
  planned: PlannedJob | undefined,
  repetition: Repetition,
): Promise<string[]> {
  const { rerunOf } = repetition;
  const asked =
    repetition.asked ?? (rerunOf === undefined ? undefined : await repetition.readAsked?.());
  const fields = planned && asked ? nameDifferences(planned.asked, asked) : [];
  if (rerunOf === undefined) return fields;
  if (known?.jobId !== rerunOf.jobId) return ['rerun_of', ...fields];
  if (known.from !== rerunOf.from) return ['from', ...fields];
  return fields.length > 0 ? fields : ['changes'];
}

/** What a submitter gets for a job that will not run as it stands. */
function toRefusal(result: StartOutcome | undefined): TrainerError | undefined {
  switch (result?.outcome) {
    case 'refused':
      return errors.submissionRefused(result.detail);
    case 'obstructed':
      return errors.jobNameTaken(result.detail);
    case 'forbidden':
      return errors.startForbidden(result.detail);
    default:
      return undefined;
  }
}
