import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Random } from '../../backoff.ts';
import type { Clock } from '../../clock.ts';
import { Emitter } from '../../emitter.ts';
import { errors } from '../../errors.ts';
import type { JobRecord, JsonObject } from '../../jobs/job.ts';
import type { Admission, JobRunner, PreparedJob, StartOutcome } from '../../jobs/job-runner.ts';
import type { JobSpec } from '../../jobs/job-spec.ts';
import type { Leadership } from '../../jobs/leadership.ts';
import type { LogItem, LogQuery } from '../../jobs/log-line.ts';
import type { Observation } from '../../jobs/observation.ts';
import { type ApiClient, ApiError, type ApiRequest } from '../../kubernetes/api-client.ts';
import { toClusterFailure } from '../../kubernetes/cluster-failure.ts';
import { toMs } from '../../kubernetes/conditions.ts';
import { Informer } from '../../kubernetes/informer.ts';
import { BACKEND_LABEL } from '../../kubernetes/labels.ts';
import { Capabilities } from './capabilities.ts';
import { DiagnosisWatch } from './diagnosis/diagnosis-watch.ts';
import { FailureInquiry } from './diagnosis/failure-inquiry.ts';
import { QueuePositions } from './diagnosis/queue-positions.ts';
import { PodLogs } from './logs/pod-logs.ts';
import { toStartRefusal } from './start-refusal.ts';
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
import {
  type RuntimeRef,
  type TrainJobManifest,
  type TrainJobSettings,
  toRuntimeRef,
} from './trainjob/manifest.ts';
import { planTrainJob, type TrainJobPlan } from './trainjob/plan.ts';

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
}

/** A watch that was cut is back sooner than this, so it is worth no mention before. */
const MAX_BEHIND_MS = 30_000;
/** The first list of pods and Events takes less, and without the right to it none ever comes. */
const MAX_FIRST_LOOK_MS = 5000;
const CONFLICT = 409;
/** What no dry run of a TrainJob tells: both are about the pods, which there are none of. */
const NOT_ASKED = ['quota', 'pod security'] as const;
/** The API server's words of a webhook whose side effects it does not know. */
const NO_DRY_RUN = 'does not support dry run';
const NOT_FOUND = 404;
const FORBIDDEN = 403;

type ReplanOutcome = Extract<StartOutcome, { readonly outcome: 'refused' | 'replanned' }>;

/** Jobs as TrainJobs of Kubeflow Trainer, each owned by the Secret that is its record. */
export class KubeflowRunner implements JobRunner {
  readonly #parts: KubeflowRunnerParts;
  readonly #path: string;
  readonly #capabilities: Capabilities;
  readonly #trainJobs: Informer<TrainJobObject, SeenTrainJob>;
  readonly #diagnoses: DiagnosisWatch;
  readonly #failures: FailureInquiry;
  readonly #queuePositions: QueuePositions;
  readonly #logs: PodLogs;
  readonly #changes = new Emitter<string>();
  #isDiagnosing = false;
  #diagnosingSinceMs = Number.NEGATIVE_INFINITY;
  /** Leadership starts and ends the diagnosing, one after the other. */
  #diagnosing: Promise<void> = Promise.resolve();
  #unwatchLeadership: (() => void) | undefined;

  constructor(parts: KubeflowRunnerParts) {
    this.#parts = parts;
    const { config, backend, client, clock, random, logger } = parts;
    const namespace = config.jobsNamespace;
    this.#path = `/apis/${config.trainJobApiVersion}/namespaces/${namespace}/trainjobs`;
    this.#capabilities = new Capabilities(parts);
    this.#trainJobs = new Informer<TrainJobObject, SeenTrainJob>({
      ...{ client, clock, random, logger, path: this.#path },
      labelSelector: `${BACKEND_LABEL}=${backend}`,
      keep: (trainJob, before) => toSeenTrainJob(trainJob, before, clock.now()),
    });
    this.#diagnoses = new DiagnosisWatch({ client, clock, random, logger, namespace });
    this.#failures = new FailureInquiry({ client, logger, namespace });
    this.#queuePositions = new QueuePositions({
      ...{ client, clock, logger, namespace },
      listQueues: () =>
        [...this.#trainJobs.values()].flatMap((trainJob) => toWaitingQueue(trainJob) ?? []),
    });
    this.#logs = new PodLogs({ client: parts.logsClient ?? client, clock, logger, namespace });
    this.#trainJobs.watch(({ name, value }) => this.#follow(name, value));
    this.#diagnoses.watch((name) => {
      if (this.#trainJobs.get(name) !== undefined) this.#announce(name);
    });
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
    this.#queuePositions.close();
    await Promise.all([this.#diagnosing, this.#trainJobs.close()]);
  }

  notReadyReason(): string | undefined {
    if (Number.isFinite(this.behindForMs())) return undefined;
    return 'The TrainJobs have not been listed yet.';
  }

  behindForMs(): number {
    return this.#trainJobs.behindForMs();
  }

  async prepare(spec: JobSpec): Promise<PreparedJob> {
    const { config } = this.#parts;
    const capabilities = await this.#capabilities.describe(toRuntimeRef(spec, config));
    const prepared = planTrainJob(spec, config, capabilities);
    return { ...prepared, plan: prepared.plan as unknown as JsonObject };
  }

  /** A dry run of the POST that `start` makes: schema, webhooks and policies of TrainJobs are asked. */
  async admit(plan: JsonObject): Promise<Admission> {
    const { manifest } = plan as unknown as TrainJobPlan;
    try {
      await this.#post(manifest, { dryRun: 'All' });
      return { outcome: { outcome: 'accepted' }, notAsked: NOT_ASKED };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { outcome: await this.#explainDryRun(plan, error), notAsked: NOT_ASKED };
    }
  }

  async start(record: JobRecord, plan: JsonObject): Promise<StartOutcome> {
    const { manifest } = plan as unknown as TrainJobPlan;
    const obstacle = await this.#findObstacle(record, manifest);
    if (obstacle !== undefined) return obstacle;
    try {
      const trainJob = await this.#post(ownedBy(record, manifest));
      this.#trainJobs.put(trainJob);
      return { outcome: 'started', runId: trainJob.metadata.uid };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const explainExisting = () => this.#explainExisting(record);
      return this.#explainRefusal(plan, error, explainExisting);
    }
  }

  /**
   * Deletes the TrainJob in the background: it vanishes at once, and the garbage collector takes
   * JobSet, Jobs and pods. In the foreground a finalizer would hold it until those are gone, and
   * that long Trainer v2.3 makes a new JobSet for each one that goes, with new pods; with its
   * runtime deleted, Trainer's webhook refuses even the removal of the finalizer.
   */
  async stop(record: JobRecord): Promise<void> {
    const known = this.#trainJobs.get(record.name);
    const isOwn = known !== undefined && isOwnedBy(known, record);
    const uid = isOwn ? known.metadata.uid : record.runId;
    if (uid !== undefined && (await this.#delete(record.name, uid))) return;
    // Not known, or another one by now: what is there decides.
    const current = await this.#read(record.name);
    if (current === undefined || !isOwnedBy(current, record)) return;
    if (!(await this.#delete(record.name, current.metadata.uid))) {
      const cause = new ApiError('the TrainJob changed twice', { status: CONFLICT });
      throw errors.clusterUnreachable({ cause });
    }
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
    const trainJob = await this.#read(name);
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

  /**
   * JobSet refuses a job whose volume claim exists, for ever and where no caller sees it. Claims are
   * named after the job, so that one that stayed meets the next job of the same id.
   */
  async #findObstacle(
    record: JobRecord,
    { spec }: TrainJobManifest,
  ): Promise<StartOutcome | undefined> {
    const templates = await this.#capabilities.listKeptClaims(spec.runtimeRef as RuntimeRef);
    for (const template of templates) {
      const claim = `${template}-${record.name}`;
      if (!(await this.#hasClaim(claim))) continue;
      const existing = await this.#read(record.name);
      // Made for this very job, by a start whose answer was lost.
      if (existing !== undefined && isOwnedBy(existing, record)) return undefined;
      const detail = `The volume claim ${claim}, which an earlier job with this job_id left, stands in the way: copy what is needed from it and delete it, or take another job_id.`;
      return { outcome: 'obstructed', detail };
    }
    return undefined;
  }

  async #hasClaim(name: string): Promise<boolean> {
    const { client, config, logger } = this.#parts;
    try {
      const path = `/api/v1/namespaces/${config.jobsNamespace}/persistentvolumeclaims/${name}`;
      await client.call({ method: 'GET', path });
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === NOT_FOUND) return false;
      if (!(error instanceof ApiError && error.status === FORBIDDEN)) {
        throw toClusterFailure(error, logger);
      }
      // Roles of earlier releases lack the right; then JobSet's own words are all there is.
      logger.warn({ err: error }, 'volume claims cannot be read');
      return false;
    }
  }

  #post(manifest: TrainJobManifest, query: ApiRequest['query'] = {}): Promise<TrainJobObject> {
    return this.#parts.client.call<TrainJobObject>({
      method: 'POST',
      path: this.#path,
      // Otherwise a field that this release lacks is dropped in silence, and with it a placement.
      query: { fieldValidation: 'Strict', ...query },
      body: manifest,
    });
  }

  async #explainDryRun(plan: JsonObject, error: ApiError): Promise<Admission['outcome']> {
    if (error.serverMessage?.includes(NO_DRY_RUN)) {
      return { outcome: 'later', detail: 'A webhook of the cluster takes no dry run' };
    }
    return this.#explainRefusal<Admission['outcome']>(plan, error, async () => {
      return { outcome: 'later', detail: 'A TrainJob of that name is there already' };
    });
  }

  async #explainRefusal<Outcome>(
    plan: JsonObject,
    error: ApiError,
    explainExisting: () => Promise<Outcome>,
  ): Promise<Outcome | Exclude<StartOutcome, { readonly outcome: 'started' }>> {
    const { logger } = this.#parts;
    const refusal = toStartRefusal(error);
    switch (refusal.kind) {
      case 'exists':
        return explainExisting();
      case 'unknown-field':
        return this.#replan(plan, refusal.detail);
      case 'refused':
        return { outcome: 'refused', detail: refusal.detail };
      case 'forbidden': {
        const { message } = toClusterFailure(error, logger) as Error;
        return { outcome: 'forbidden', detail: message };
      }
      case 'unavailable': {
        const failure = toClusterFailure(error, logger);
        if (failure !== error) throw failure;
        return { outcome: 'later', detail: 'The cluster could not decide on the job yet' };
      }
    }
  }

  /** Another release of Trainer has other fields, with which the same job may do. */
  async #replan(plan: JsonObject, detail: string): Promise<ReplanOutcome> {
    this.#capabilities.forget();
    const { spec } = plan as unknown as TrainJobPlan;
    if (spec === undefined) return { outcome: 'refused', detail };
    const { secrets: _secrets, ...prepared } = await this.prepare(spec);
    // JSON keeps no undefined, which the plan that was read back lacks.
    const isSame = isDeepStrictEqual(JSON.parse(JSON.stringify(prepared.plan)), plan);
    return isSame ? { outcome: 'refused', detail } : { outcome: 'replanned', prepared };
  }

  /** An earlier attempt may have succeeded without its answer having come back. */
  async #explainExisting(record: JobRecord): Promise<StartOutcome> {
    const existing = await this.#read(record.name);
    if (existing !== undefined && isOwnedBy(existing, record)) {
      return { outcome: 'started', runId: existing.metadata.uid };
    }
    return { outcome: 'later', detail: 'An earlier TrainJob of that name is still there' };
  }

  /** Whether exactly this one is gone or going; false when the name is another's. */
  async #delete(name: string, uid: string): Promise<boolean> {
    try {
      const answer = await this.#parts.client.call<TrainJobObject | { kind: 'Status' }>({
        method: 'DELETE',
        path: `${this.#path}/${name}`,
        body: {
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          propagationPolicy: 'Background',
          preconditions: { uid },
        },
      });
      // The object itself comes back when somebody's finalizer holds it.
      if ('metadata' in answer && answer.metadata.uid === uid) this.#trainJobs.put(answer);
      else this.#trainJobs.remove(name, uid);
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === CONFLICT) return false;
      if (!isAbsence(error, name)) throw toClusterFailure(error, this.#parts.logger);
      this.#trainJobs.remove(name, uid);
      return true;
    }
  }

  async #read(name: string): Promise<TrainJobObject | undefined> {
    try {
      const path = `${this.#path}/${name}`;
      const trainJob = await this.#parts.client.call<TrainJobObject>({ method: 'GET', path });
      if (trainJob.metadata.labels?.[BACKEND_LABEL] === this.#parts.backend) {
        this.#trainJobs.put(trainJob);
      }
      return trainJob;
    } catch (error) {
      if (isAbsence(error, name)) return undefined;
      throw toClusterFailure(error, this.#parts.logger);
    }
  }

  #toObservation(trainJob: SeenTrainJob, diagnoses?: Diagnoses): Observation {
    return toObservation(trainJob, diagnoses, this.#queuePositions.get(trainJob.metadata.name));
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
    if (trainJob !== undefined && toWaitingQueue(trainJob) !== undefined) {
      this.#queuePositions.note();
    }
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

function ownedBy({ name, uid }: JobRecord, manifest: TrainJobManifest): TrainJobManifest {
  // Neither controller nor blockOwnerDeletion: other owners may come, and no finalizer is wanted.
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Secret', name, uid }];
  return { ...manifest, metadata: { ...manifest.metadata, ownerReferences } };
}

/** A server that does not serve TrainJobs at all answers 404, too, and says nothing of this one. */
function isAbsence(error: unknown, name: string): boolean {
  if (!(error instanceof ApiError) || error.status !== NOT_FOUND) return false;
  return error.serverMessage?.endsWith(` "${name}" not found`) === true;
}

function isOwnedBy({ metadata }: TrainJobObject, { uid }: JobRecord): boolean {
  return (
    metadata.ownerReferences?.some((owner) => owner.kind === 'Secret' && owner.uid === uid) === true
  );
}
