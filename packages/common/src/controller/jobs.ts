import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { TrainerError } from '../errors.ts';
import { findDifferences, toFingerprint } from '../fingerprint.ts';
import {
  isTerminal,
  type JobPayload,
  type JobRecord,
  type JobState,
  type JobView,
  NO_DELIVERY,
  projectJob,
  toAcceptedState,
} from '../job.ts';
import type { JobSpec } from '../job-spec.ts';
import type { JobRunner } from '../runners/job-runner.ts';
import type { JobStore } from '../stores/job-store.ts';
import { renderTrainJob } from '../train-job/manifest.ts';
import { toTrainJobName } from '../train-job/name.ts';
import { toCancelled, toObservedEnd, toRefused } from './end-states.ts';

/** A request that passed every rule. */
export interface Submission {
  readonly spec: JobSpec;
  readonly asked: JobPayload['asked'];
  readonly warnings: readonly string[];
}

export interface JobAnswer {
  readonly view: JobView;
  /** Undefined once the record was deleted meanwhile. */
  readonly payload: JobPayload | undefined;
}

export interface JobsParts {
  readonly backend: string;
  readonly store: JobStore;
  readonly runner: JobRunner;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxJobs: number;
}

/** Seconds after which a caller may try again what the cluster could not take. */
const RETRY_AFTER_SECONDS = 5;
/** Two writers that meet on one record; more than a few rounds mean that something is wrong. */
const MAX_ROUNDS = 8;

/** What callers can do with jobs: submit, look, cancel. The controller does all the rest. */
export class Jobs {
  readonly #parts: JobsParts;
  readonly #unfinished = new Set<Promise<unknown>>();

  constructor(parts: JobsParts) {
    this.#parts = parts;
  }

  /**
   * Writes the record, then starts the run. Once the record exists the job is accepted, whatever
   * happens next: the controller finishes what is left open.
   * @throws TrainerError JOB_CONFLICT, SUBMISSION_REFUSED, TOO_MANY_JOBS, CLUSTER_UNAVAILABLE
   */
  async submit(submission: Submission): Promise<JobAnswer & { isReplay: boolean }> {
    const { store, runner, clock, backend } = this.#parts;
    const { spec, asked } = submission;
    const name = toTrainJobName(backend, spec.jobId);
    const fingerprint = toFingerprint(asked);
    const known = await store.get(name);
    if (known !== undefined) return this.#replay(known, fingerprint, asked);
    this.#assertRoom();

    const target = await runner.describeTarget(spec.runtime);
    const { manifest, secrets, warnings } = renderTrainJob(spec, target);
    const callback = toCallbackTarget(spec);
    const payload: JobPayload = { asked, manifest, callback, secrets };
    const nowMs = clock.now();
    const created = await store.create(
      {
        id: spec.jobId,
        name,
        backend,
        fingerprint,
        createdAtMs: nowMs,
        warnings: [...submission.warnings, ...warnings],
        hasWebhook: callback !== undefined,
        runId: undefined,
        state: toAcceptedState(nowMs),
        delivery: callback === undefined ? { ...NO_DELIVERY, settled: 'unwanted' } : NO_DELIVERY,
        areCredentialsGone: Object.keys(secrets).length === 0,
      },
      payload,
    );
    if (created.outcome === 'exists') return this.#replay(created.record, fingerprint, asked);
    if (created.outcome === 'taken') throw new TrainerError('JOB_CONFLICT', created.detail);
    await this.#start(created.record, payload, 'creator');
    return { view: this.#view(created.record), payload, isReplay: false };
  }

  /** @throws TrainerError JOB_NOT_FOUND, CLUSTER_UNAVAILABLE */
  async get(jobId: string): Promise<JobAnswer> {
    return this.#answer(await this.#find(jobId));
  }

  /** Ends a job for good; one that has ended already keeps its end. */
  async cancel(jobId: string): Promise<JobAnswer & { detail: string }> {
    const { store, runner, clock } = this.#parts;
    let record = await this.#find(jobId);
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      if (isTerminal(record.state.status)) {
        return { ...(await this.#answer(record)), detail: `Job already ${record.state.status}` };
      }
      const ended = await this.#endSeenLive(record);
      const state = ended ?? toCancelled(record, clock.now());
      const latched = await store.update(record, { state });
      if (latched !== undefined) {
        if (ended !== undefined) {
          return { ...(await this.#answer(latched)), detail: `Job already ${ended.status}` };
        }
        // The controller repeats this until nothing runs, so a failure here loses nothing.
        await this.#quietly(latched, () => runner.stop(latched));
        return { ...(await this.#answer(latched)), detail: state.detail };
      }
      record = (await store.read(record.name)) ?? notFound(jobId);
    }
    throw unavailable('The job changes too fast to be cancelled right now; try again.');
  }

  /**
   * Has the newest callback of a job sent again, also one that was settled.
   * @throws TrainerError INVALID_REQUEST when the job has no webhook.
   */
  async replayCallback(jobId: string): Promise<JobRecord> {
    const { store, clock } = this.#parts;
    let record = await this.#find(jobId);
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      if (!record.hasWebhook) {
        const message = `Job ${jobId} has no webhook, so there is nothing to send again.`;
        throw TrainerError.invalid([{ path: 'callbacks.webhook_url', message }]);
      }
      const { attempts } = record.delivery;
      const delivery = { ...NO_DELIVERY, attempts, replayedAtMs: clock.now() };
      const updated = await store.update(record, { delivery });
      if (updated !== undefined) return updated;
      record = (await store.read(record.name)) ?? notFound(jobId);
    }
    throw unavailable('The job changes too fast right now; try again.');
  }

  /** Resolves when nothing that an answer left behind is still under way. */
  async close(): Promise<void> {
    await Promise.all(this.#unfinished);
  }

  async #replay(record: JobRecord, fingerprint: string, asked: JobPayload['asked']) {
    const answer = await this.#answer(record);
    if (record.fingerprint !== fingerprint) {
      const fields = answer.payload ? findDifferences(answer.payload.asked, asked) : [];
      throw toConflict(fields);
    }
    if (record.runId === undefined && !isTerminal(record.state.status) && answer.payload) {
      await this.#start(record, answer.payload, 'repeater');
    }
    return { ...answer, view: this.#view(record), isReplay: true };
  }

  /** Starts the run as far as that is possible now, and tells the caller only of a refusal. */
  async #start(
    record: JobRecord,
    payload: JobPayload,
    caller: 'creator' | 'repeater',
  ): Promise<void> {
    const { store, runner, clock } = this.#parts;
    const result = await this.#quietly(record, () => runner.start(record, payload));
    if (result?.outcome === 'started') {
      this.#later(record, () => this.#note(record, result.runId));
    } else if (result?.outcome === 'refused' && caller === 'creator') {
      const isGone = await this.#quietly(record, () => store.delete(record));
      // Someone changed the record meanwhile, so it is theirs to end: the controller latches it.
      if (isGone === true) throw new TrainerError('SUBMISSION_REFUSED', result.detail);
    } else if (result?.outcome === 'refused') {
      const state = toRefused(record, result.detail, clock.now());
      await this.#quietly(record, () => store.update(record, { state }));
    }
  }

  /** A run that appears for a job which was cancelled meanwhile is stopped at once. */
  async #note(record: JobRecord, runId: string): Promise<void> {
    const { store, runner } = this.#parts;
    let current: JobRecord | undefined = record;
    for (let round = 0; current !== undefined && round < MAX_ROUNDS; round += 1) {
      if (current.uid !== record.uid || current.runId !== undefined) return;
      if (isTerminal(current.state.status)) return runner.stop(current);
      if ((await store.update(current, { runId })) !== undefined) return;
      current = await store.read(record.name);
    }
  }

  /** The end that the run has come to by itself, if one live look shows it. */
  async #endSeenLive(record: JobRecord): Promise<JobState | undefined> {
    const { runner, clock } = this.#parts;
    const seen = await runner.observe(record.name);
    if (!seen.exists || seen.recordUid !== record.uid || !isTerminal(seen.status)) return undefined;
    return toObservedEnd(record, seen, clock.now());
  }

  async #find(jobId: string): Promise<JobRecord> {
    const { store, backend } = this.#parts;
    return (await store.get(toTrainJobName(backend, jobId))) ?? notFound(jobId);
  }

  async #answer(record: JobRecord): Promise<JobAnswer> {
    return { view: this.#view(record), payload: await this.#parts.store.readPayload(record) };
  }

  #view(known: JobRecord): JobView {
    const { store, runner, clock } = this.#parts;
    const record = store.peek(known.name) ?? known;
    const current = record.uid === known.uid ? record : known;
    return projectJob(current, runner.peek(current.name), clock.now());
  }

  #assertRoom(): void {
    const { store, maxJobs } = this.#parts;
    if (store.count() < maxJobs) return;
    throw new TrainerError(
      'TOO_MANY_JOBS',
      `This service already keeps ${maxJobs} jobs; try again when older ones have expired.`,
      { retryAfterSeconds: 60 },
    );
  }

  /** Runs `work` after the answer; `close` waits for it. */
  #later(record: JobRecord, work: () => Promise<unknown>): void {
    const task = this.#quietly(record, work).finally(() => this.#unfinished.delete(task));
    this.#unfinished.add(task);
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

function toCallbackTarget({ request }: JobSpec): JobPayload['callback'] {
  const { webhook_url, auth_header, event_filter } = request.callbacks ?? {};
  if (webhook_url === undefined) return undefined;
  return { webhookUrl: webhook_url, authHeader: auth_header, eventFilter: event_filter };
}

function toConflict(fields: readonly string[]): TrainerError {
  const named = fields.length > 0 ? fields.join(', ') : 'some of its fields';
  return new TrainerError(
    'JOB_CONFLICT',
    `A job with this job_id was submitted with a different request; they differ in ${named}.`,
    {
      violations: fields.map((path) => ({
        path,
        message: `${path} differs from the request that was submitted first.`,
      })),
    },
  );
}

function unavailable(detail: string): TrainerError {
  return new TrainerError('CLUSTER_UNAVAILABLE', detail, {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

function notFound(jobId: string): never {
  throw new TrainerError('JOB_NOT_FOUND', `No job ${jobId} is known to this service.`);
}
