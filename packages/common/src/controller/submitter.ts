import { isDeepStrictEqual } from 'node:util';
import pLimit from 'p-limit';
import type { Logger } from 'pino';
import { toOrigin } from '../callbacks/origin-limits.ts';
import type { Clock } from '../clock.ts';
import { errors, type TrainerError } from '../errors.ts';
import {
  isTerminal,
  type JobDraft,
  type JobPayload,
  type JobPlan,
  type JobRecord,
  NO_DELIVERY,
  toAcceptedState,
} from '../jobs/job.ts';
import type { JobRunner, StartOutcome } from '../jobs/job-runner.ts';
import type { JobSpec } from '../jobs/job-spec.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { changeRecord } from '../jobs/update-record.ts';
import { findDifferences, toFingerprint } from '../requests/canonical-request.ts';
import { type RenderedTrainJob, renderTrainJob } from '../runners/kubeflow/trainjob/manifest.ts';
import { toRefused } from './terminal-states.ts';

/** A request that passed every rule. */
export interface Submission {
  readonly spec: JobSpec;
  readonly asked: JobPayload['asked'];
  readonly warnings: readonly string[];
}

export interface SubmitterParts {
  readonly store: JobStore;
  readonly runner: JobRunner;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxJobs: number;
}

export interface Accepted {
  readonly record: JobRecord;
  /** Where it is at hand; the store has it, too. */
  readonly plan?: JobPlan;
  readonly isReplay: boolean;
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
   * @throws TrainerError JOB_CONFLICT, SUBMISSION_REFUSED, TOO_MANY_JOBS, CLUSTER_UNAVAILABLE
   */
  async submit(name: string, submission: Submission): Promise<Accepted> {
    const { store, runner, maxJobs } = this.#parts;
    // What is not known here may exist all the same, which creating it tells at no further cost.
    const isFull = store.count() >= maxJobs;
    const known = isFull ? await store.get(name) : store.peek(name);
    const replayed = known && (await this.#replay(known, submission));
    if (replayed !== undefined) return replayed;
    if (isFull) throw errors.tooManyJobs(maxJobs);

    const target = await runner.describeTarget(submission.spec.runtime);
    const rendered = renderTrainJob(submission.spec, target);
    const { draft, payload } = this.#draft(name, submission, rendered);
    const created = await store.create(draft, payload);
    if (created.outcome === 'taken') throw errors.jobNameTaken(created.detail);
    if (created.outcome === 'exists') {
      const replayed = await this.#replay(created.record, submission);
      if (replayed === undefined) throw errors.jobJustDeleted();
      return replayed;
    }
    const result = await this.#start(created.record, payload);
    const isHopeless =
      result?.outcome === 'outdated' && (await this.#wouldBeSame(submission, rendered));
    const refusal = toRefusal(isHopeless ? { ...result, outcome: 'refused' } : result);
    if (refusal !== undefined) {
      const isGone = await this.#quietly(created.record, () => store.delete(created.record));
      if (isGone === undefined) throw errors.refusalUncertain(refusal);
      if (isGone) throw refusal;
      // Someone changed the record meanwhile, so it is theirs to end: the controller latches it.
    }
    return { record: created.record, plan: payload, isReplay: false };
  }

  /** Resolves when nothing that an answer left behind is still under way. */
  async close(): Promise<void> {
    // Nobody else is answered any more, and the next leader waits.
    this.#limitNotes.concurrency = Number.POSITIVE_INFINITY;
    await Promise.all(this.#unfinished);
  }

  /** Undefined when the record turns out to be gone. */
  async #replay(record: JobRecord, { asked }: Submission): Promise<Accepted | undefined> {
    const { store, clock } = this.#parts;
    const isSame = record.fingerprint === toFingerprint(asked);
    const isUnstarted = record.runId === undefined && !isTerminal(record.state.status);
    if (isSame && !isUnstarted) return { record, isReplay: true };
    const payload = await store.readPlan(record);
    if (payload === undefined && (await store.read(record.name))?.uid !== record.uid) {
      return undefined;
    }
    if (!isSame) throw errors.jobConflict(payload ? findDifferences(payload.asked, asked) : []);
    const result = payload && (await this.#start(record, payload));
    const refusal = toRefusal(result);
    if (refusal === undefined) return { record, isReplay: true };
    if (result?.outcome === 'forbidden') throw refusal;
    const latched = await changeRecord(store, record, (current) =>
      isTerminal(current.state.status)
        ? undefined
        : { state: toRefused(current, refusal.message, clock.now()) },
    );
    // Whoever created it was refused as well, and took it back.
    if (latched === undefined) throw refusal;
    return { record, isReplay: true };
  }

  #draft(name: string, { spec, asked, warnings }: Submission, rendered: RenderedTrainJob) {
    const nowMs = this.#parts.clock.now();
    const { manifest, secrets } = rendered;
    const callback = toCallbackTarget(spec);
    const draft: JobDraft = {
      id: spec.jobId,
      name,
      backend: spec.backend,
      fingerprint: toFingerprint(asked),
      createdAtMs: nowMs,
      warnings: [...warnings, ...rendered.warnings],
      hasWebhook: callback !== undefined,
      webhookOrigin: callback && toOrigin(callback.webhookUrl),
      runId: undefined,
      state: toAcceptedState(nowMs),
      delivery: callback === undefined ? { ...NO_DELIVERY, settled: 'unwanted' } : NO_DELIVERY,
      areCredentialsGone: Object.keys(secrets).length === 0,
    };
    return { draft, payload: { asked, manifest, callback, secrets } };
  }

  /** Whether a plan that is made now would be none other than the one that was refused. */
  async #wouldBeSame({ spec }: Submission, { manifest }: RenderedTrainJob): Promise<boolean> {
    const { runner } = this.#parts;
    const target = await runner.describeTarget(spec.runtime).catch(() => undefined);
    return (
      target !== undefined && isDeepStrictEqual(renderTrainJob(spec, target).manifest, manifest)
    );
  }

  /** Starts the run as far as that is possible now; undefined when its place gave no answer. */
  async #start(record: JobRecord, payload: JobPlan): Promise<StartOutcome | undefined> {
    const result = await this.#quietly(record, () => this.#parts.runner.start(record, payload));
    if (result?.outcome === 'started') {
      const task = this.#quietly(record, () =>
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
    const noted = await changeRecord(store, record, ({ runId: known, state }) =>
      known !== undefined || isTerminal(state.status) ? undefined : { runId },
    );
    if (noted === undefined || (noted.runId === undefined && isTerminal(noted.state.status))) {
      await runner.stop(record);
    }
  }

  /** For what the controller does again anyway: a failure is logged and answered with undefined. */
  async #quietly<T>(record: JobRecord, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#parts.logger.warn({ job: record.name, err: error }, 'left to the controller');
      return undefined;
    }
  }
}

/** What its submitter is told of a job that will not run as it stands. */
function toRefusal(result: StartOutcome | undefined): TrainerError | undefined {
  switch (result?.outcome) {
    case 'refused':
      return errors.submissionRefused(result.detail);
    case 'outdated':
      return errors.startOutdated(result.detail);
    case 'forbidden':
      return errors.startForbidden(result.detail);
    default:
      return undefined;
  }
}

function toCallbackTarget({ request }: JobSpec): JobPayload['callback'] {
  const { webhook_url, auth_header, event_filter } = request.callbacks ?? {};
  if (webhook_url === undefined) return undefined;
  return { webhookUrl: webhook_url, authHeader: auth_header, eventFilter: event_filter };
}
