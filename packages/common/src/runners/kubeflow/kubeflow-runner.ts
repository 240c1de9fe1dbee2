import type { Logger } from 'pino';
import type { Random } from '../../backoff.ts';
import type { Clock } from '../../clock.ts';
import { Emitter } from '../../emitter.ts';
import type { JobRecord, JsonObject } from '../../jobs/job.ts';
import type { Admission, JobRunner, PreparedJob, StartOutcome } from '../../jobs/job-runner.ts';
import type { JobSpec } from '../../jobs/job-spec.ts';
import type { Leadership } from '../../jobs/leadership.ts';
import type { LogItem, LogQuery } from '../../jobs/log-line.ts';
import type { Observation } from '../../jobs/observation.ts';
import type { ApiClient } from '../../kubernetes/api-client.ts';
import { toMs } from '../../kubernetes/conditions.ts';
import { Informer } from '../../kubernetes/informer.ts';
import { BACKEND_LABEL } from '../../kubernetes/labels.ts';
import { DiagnosisWatch } from './diagnosis/diagnosis-watch.ts';
import { FailureInquiry } from './diagnosis/failure-inquiry.ts';
import { QueueWatch } from './diagnosis/queue-watch.ts';
import { PodLogs } from './logs/pod-logs.ts';
import { type Diagnoses, NO_DIAGNOSES } from './status/diagnoses.ts';
import {
  hasEnded,
  hasUnexplainedFailure,
  toObservation,
  toWaitingQueue,
} from './status/observation.ts';
import {
  type SeenTrainJob,
  type TrainJobObject,
  toSeenTrainJob,
} from './status/train-job-object.ts';
import { isOwnedBy, TrainJobApi } from './train-job-api.ts';
import { TrainJobStarter } from './train-job-starter.ts';
import type { TrainJobSettings } from './trainjob/manifest.ts';

export interface KubeflowRunnerParts {
  readonly client: ApiClient;
  /** Reads logs, which hold their connections for long; by default the other one. */
  readonly logsClient?: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly backend: string;
  readonly config: TrainJobSettings;
  /** Only the leader pays for finding out why a job waits. */
  readonly leadership: Leadership;
  /** The `job_id` of the record of that name, for the log. */
  readonly findJobId: (name: string) => string | undefined;
}

/** A watch that was cut is back sooner than this, so it is worth no mention before. */
const MAX_BEHIND_MS = 30_000;
/** The first list of pods and Events takes less, and without the right to it none ever comes. */
const MAX_FIRST_LOOK_MS = 5000;

/** Jobs as TrainJobs of Kubeflow Trainer, each owned by the Secret that is its record. */
export class KubeflowRunner implements JobRunner {
  readonly #parts: KubeflowRunnerParts;
  readonly #api: TrainJobApi;
  readonly #starter: TrainJobStarter;
  readonly #trainJobs: Informer<TrainJobObject, SeenTrainJob>;
  readonly #diagnoses: DiagnosisWatch;
  readonly #failures: FailureInquiry;
  readonly #queues: QueueWatch;
  readonly #logs: PodLogs;
  readonly #changes = new Emitter<string>();
  #isDiagnosing = false;
  #diagnosingSinceMs = Number.NEGATIVE_INFINITY;
  /** Leadership starts and ends the diagnosing, one after the other. */
  #diagnosing: Promise<void> = Promise.resolve();
  #unwatchLeadership: (() => void) | undefined;

  constructor(parts: KubeflowRunnerParts) {
    this.#parts = parts;
    const { config, backend, client, clock, random, logger, findJobId } = parts;
    const namespace = config.jobsNamespace;
    const path = `/apis/${config.trainJobApiVersion}/namespaces/${namespace}/trainjobs`;
    this.#trainJobs = new Informer<TrainJobObject, SeenTrainJob>({
      ...{ client, clock, random, logger, path },
      labelSelector: `${BACKEND_LABEL}=${backend}`,
      keep: (trainJob, before) => toSeenTrainJob(trainJob, before, clock.now()),
    });
    this.#api = new TrainJobApi({ client, logger, backend, path, seen: this.#trainJobs });
    this.#starter = new TrainJobStarter({ client, clock, logger, config, trainJobs: this.#api });
    this.#diagnoses = new DiagnosisWatch({ client, clock, random, logger, namespace });
    this.#failures = new FailureInquiry({ client, logger, namespace, findJobId });
    this.#queues = new QueueWatch({
      ...{ client, clock, random, logger, namespace },
      listWaiting: () =>
        [...this.#trainJobs.values()].flatMap((trainJob) => {
          const queue = toWaitingQueue(trainJob);
          return queue === undefined ? [] : { name: trainJob.metadata.name, queue };
        }),
    });
    this.#logs = new PodLogs({ client: parts.logsClient ?? client, clock, logger, namespace });
    this.#trainJobs.watch(({ name, value }) => this.#follow(name, value));
    const announceKnown = (name: string) => {
      if (this.#trainJobs.get(name) !== undefined) this.#announce(name);
    };
    this.#diagnoses.watch(announceKnown);
    this.#queues.watch(announceKnown);
  }

  async open(): Promise<void> {
    const { leadership } = this.#parts;
    this.#unwatchLeadership ??= leadership.watch((isLeader) => this.#setDiagnosing(isLeader));
    if (leadership.isLeader()) this.#setDiagnosing(true);
    await this.#trainJobs.open();
  }

  async close(): Promise<void> {
    this.#unwatchLeadership?.();
    this.#setDiagnosing(false);
    this.#changes.clear();
    await Promise.all([this.#diagnosing, this.#trainJobs.close(), this.#queues.close()]);
  }

  notReadyReason(): string | undefined {
    if (Number.isFinite(this.behindForMs())) return undefined;
    return 'The TrainJobs have not been listed yet.';
  }

  behindForMs(): number {
    return this.#trainJobs.behindForMs();
  }

  prepare(spec: JobSpec): Promise<PreparedJob> {
    return this.#starter.prepare(spec);
  }

  admit(plan: JsonObject): Promise<Admission> {
    return this.#starter.admit(plan);
  }

  start(record: JobRecord, plan: JsonObject): Promise<StartOutcome> {
    return this.#starter.start(record, plan);
  }

  stop(record: JobRecord): Promise<void> {
    return this.#api.deleteOf(record);
  }

  getCached(name: string): Observation | undefined {
    const behindMs = this.behindForMs();
    if (behindMs === Number.POSITIVE_INFINITY) return undefined;
    const trainJob = this.#trainJobs.get(name);
    // What is there stays there for long, but what is not there may come at any moment.
    if (trainJob === undefined) return behindMs > MAX_BEHIND_MS ? undefined : { exists: false };
    if (!this.#parts.leadership.isLeader()) return this.#toObservation(trainJob);
    const diagnoses = this.#diagnose(trainJob);
    if (diagnoses === undefined && this.#mayTellStartSoon(trainJob)) return undefined;
    // An end is latched as it is seen, so the leader sees none before it is known why.
    if (hasUnexplainedFailure(trainJob) && diagnoses?.failure === undefined) {
      const failure = this.#failures.peek(trainJob);
      if (failure === 'open') return undefined;
      return this.#toObservation(trainJob, { ...NO_DIAGNOSES, ...diagnoses, failure });
    }
    return this.#toObservation(trainJob, diagnoses);
  }

  async observe(name: string): Promise<Observation> {
    const before = this.#trainJobs.get(name);
    const trainJob = await this.#api.read(name);
    if (trainJob === undefined) {
      if (before !== undefined) this.#trainJobs.remove(name, before.metadata.uid);
      return { exists: false };
    }
    const seen = this.#toSeen(trainJob);
    const diagnoses = this.#parts.leadership.isLeader() ? this.#diagnose(seen) : undefined;
    if (!hasUnexplainedFailure(seen) || diagnoses?.failure !== undefined) {
      return this.#toObservation(seen, diagnoses);
    }
    const failure = await this.#failures.ask(seen);
    return this.#toObservation(seen, { ...NO_DIAGNOSES, ...diagnoses, failure });
  }

  readLogs(
    record: JobRecord,
    query: LogQuery,
    signal: AbortSignal,
  ): Promise<AsyncIterable<LogItem>> {
    const { name } = record;
    const isOver = () => {
      const trainJob = this.#trainJobs.get(name);
      if (trainJob !== undefined && isOwnedBy(trainJob, record)) return hasEnded(trainJob);
      return Number.isFinite(this.behindForMs());
    };
    const watch = (listener: () => void) =>
      this.watch((changed) => {
        if (changed === name) listener();
      });
    return this.#logs.open(record, query, { hasEnded: isOver, watch }, signal);
  }

  watch(listener: (name: string) => void): () => void {
    return this.#changes.watch(listener);
  }

  #setDiagnosing(isWanted: boolean): void {
    if (isWanted === this.#isDiagnosing) return;
    this.#isDiagnosing = isWanted;
    this.#diagnosingSinceMs = this.#parts.clock.monotonic();
    this.#diagnosing = this.#diagnosing.then(async () => {
      if (isWanted !== this.#isDiagnosing) return;
      await (isWanted ? this.#diagnoses.open() : this.#diagnoses.close());
      if (!isWanted) return this.#failures.clear();
      for (const trainJob of this.#trainJobs.values()) this.#inquire(trainJob);
    });
  }

  #toObservation(trainJob: SeenTrainJob, diagnoses?: Diagnoses): Observation {
    return toObservation(trainJob, diagnoses, this.#queues.get(trainJob.metadata));
  }

  #toSeen(trainJob: TrainJobObject): SeenTrainJob {
    const before = this.#trainJobs.get(trainJob.metadata.name);
    return toSeenTrainJob(trainJob, before, this.#parts.clock.now());
  }

  /** Whether pods that are being listed right now may show when a job began that has ended already. */
  #mayTellStartSoon(trainJob: SeenTrainJob): boolean {
    const isNew = this.#parts.clock.monotonic() - this.#diagnosingSinceMs < MAX_FIRST_LOOK_MS;
    return isNew && trainJob.startedAtMs === undefined && hasEnded(trainJob);
  }

  #diagnose({ metadata }: SeenTrainJob): Diagnoses | undefined {
    return this.#diagnoses.get(metadata.name, toMs(metadata.creationTimestamp) ?? 0);
  }

  #follow(name: string, trainJob: SeenTrainJob | undefined): void {
    if (trainJob === undefined) {
      this.#diagnoses.forget(name);
      this.#failures.forget(name);
    } else this.#inquire(trainJob);
    if (trainJob !== undefined && toWaitingQueue(trainJob) !== undefined) this.#queues.note();
    this.#announce(name);
  }

  /** Pods and TrainJobs come by two watches, of which either may be ahead of the other. */
  #inquire(trainJob: SeenTrainJob): void {
    if (!this.#parts.leadership.isLeader() || !hasUnexplainedFailure(trainJob)) return;
    if (this.#failures.peek(trainJob) !== 'open') return;
    if (this.#diagnose(trainJob)?.failure !== undefined) return;
    void this.#failures.ask(trainJob).then(() => this.#announce(trainJob.metadata.name));
  }

  #announce(name: string): void {
    this.#changes.emit(name);
  }
}
