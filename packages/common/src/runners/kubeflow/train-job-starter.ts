import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock } from '../../clock.ts';
import type { JobRecord, JsonObject } from '../../jobs/job.ts';
import type { Admission, PreparedJob, StartOutcome } from '../../jobs/job-runner.ts';
import type { JobSpec } from '../../jobs/job-spec.ts';
import { type ApiClient, ApiError } from '../../kubernetes/api-client.ts';
import { toClusterFailure } from '../../kubernetes/cluster-failure.ts';
import { Capabilities } from './capabilities.ts';
import { toStartRefusal } from './start-refusal.ts';
import { isOwnedBy, type TrainJobApi } from './train-job-api.ts';
import {
  type RuntimeRef,
  type TrainJobManifest,
  type TrainJobSettings,
  toRuntimeRef,
} from './trainjob/manifest.ts';
import { planTrainJob, type TrainJobPlan } from './trainjob/plan.ts';

export interface TrainJobStarterParts {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: TrainJobSettings;
  readonly trainJobs: TrainJobApi;
}

/** What no dry run of a TrainJob tells: both are about the pods, which there are none of. */
const NOT_ASKED = ['quota', 'pod security'] as const;
/** The API server's words of a webhook whose side effects it does not know. */
const NO_DRY_RUN = 'does not support dry run';
const NOT_FOUND = 404;
const FORBIDDEN = 403;

type ReplanOutcome = Extract<StartOutcome, { readonly outcome: 'refused' | 'replanned' }>;

/** From a job spec to its TrainJob in the cluster, or to why there can be none. */
export class TrainJobStarter {
  readonly #parts: TrainJobStarterParts;
  readonly #capabilities: Capabilities;

  constructor(parts: TrainJobStarterParts) {
    this.#parts = parts;
    this.#capabilities = new Capabilities(parts);
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
      await this.#parts.trainJobs.tryCreate(manifest);
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
      const trainJob = await this.#parts.trainJobs.create(ownedBy(record, manifest));
      return { outcome: 'started', runId: trainJob.metadata.uid };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const explainExisting = () => this.#explainExisting(record);
      return this.#explainRefusal(plan, error, explainExisting);
    }
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
      const existing = await this.#parts.trainJobs.read(record.name);
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
    const existing = await this.#parts.trainJobs.read(record.name);
    if (existing !== undefined && isOwnedBy(existing, record)) {
      return { outcome: 'started', runId: existing.metadata.uid };
    }
    return { outcome: 'later', detail: 'An earlier TrainJob of that name is still there' };
  }
}

function ownedBy({ name, uid }: JobRecord, manifest: TrainJobManifest): TrainJobManifest {
  // Neither controller nor blockOwnerDeletion: other owners may come, and no finalizer is wanted.
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Secret', name, uid }];
  return { ...manifest, metadata: { ...manifest.metadata, ownerReferences } };
}
