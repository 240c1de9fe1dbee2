import type { Logger } from 'pino';
import { errors } from '../../errors.ts';
import type { JobRecord } from '../../jobs/job.ts';
import { type ApiClient, ApiError, type ApiRequest } from '../../kubernetes/api-client.ts';
import { toClusterFailure } from '../../kubernetes/cluster-failure.ts';
import type { Informer } from '../../kubernetes/informer.ts';
import { BACKEND_LABEL } from '../../kubernetes/labels.ts';
import type { SeenTrainJob, TrainJobObject } from './status/train-job-object.ts';
import type { TrainJobManifest } from './trainjob/manifest.ts';

export interface TrainJobApiParts {
  readonly client: ApiClient;
  readonly logger: Logger;
  readonly backend: string;
  /** Of the TrainJobs: `/apis/{group}/{version}/namespaces/{namespace}/trainjobs`. */
  readonly path: string;
  /** Told of every answer, which may be ahead of the watch. */
  readonly seen: Informer<TrainJobObject, SeenTrainJob>;
}

const CONFLICT = 409;
const NOT_FOUND = 404;

/** TrainJobs as the API server has them right now. */
export class TrainJobApi {
  readonly #parts: TrainJobApiParts;

  constructor(parts: TrainJobApiParts) {
    this.#parts = parts;
  }

  /** @throws ApiError */
  async create(manifest: TrainJobManifest): Promise<TrainJobObject> {
    const trainJob = await this.#post(manifest);
    this.#parts.seen.put(trainJob);
    return trainJob;
  }

  /**
   * Asks schema, webhooks and policies of TrainJobs, and makes nothing.
   * @throws ApiError
   */
  async tryCreate(manifest: TrainJobManifest): Promise<void> {
    await this.#post(manifest, { dryRun: 'All' });
  }

  async read(name: string): Promise<TrainJobObject | undefined> {
    try {
      const { client, backend, seen } = this.#parts;
      const path = `${this.#parts.path}/${name}`;
      const trainJob = await client.call<TrainJobObject>({ method: 'GET', path });
      if (trainJob.metadata.labels?.[BACKEND_LABEL] === backend) seen.put(trainJob);
      return trainJob;
    } catch (error) {
      if (isAbsence(error, name)) return undefined;
      throw toClusterFailure(error, this.#parts.logger);
    }
  }

  /**
   * Deletes the TrainJob of a record in the background: it vanishes at once, and the garbage
   * collector takes JobSet, Jobs and pods. In the foreground a finalizer would hold it until those
   * are gone, and that long Trainer v2.3 makes a new JobSet for each one that goes, with new pods;
   * with its runtime deleted, Trainer's webhook refuses even the removal of the finalizer.
   */
  async deleteOf(record: JobRecord): Promise<void> {
    const known = this.#parts.seen.get(record.name);
    const isOwn = known !== undefined && isOwnedBy(known, record);
    const uid = isOwn ? known.metadata.uid : record.runId;
    if (uid !== undefined && (await this.#delete(record.name, uid))) return;
    // Not known, or another one by now: what is there decides.
    const current = await this.read(record.name);
    if (current === undefined || !isOwnedBy(current, record)) return;
    if (!(await this.#delete(record.name, current.metadata.uid))) {
      const cause = new ApiError('the TrainJob changed twice', { status: CONFLICT });
      throw errors.clusterUnreachable({ cause });
    }
  }

  #post(manifest: TrainJobManifest, query: ApiRequest['query'] = {}): Promise<TrainJobObject> {
    return this.#parts.client.call<TrainJobObject>({
      method: 'POST',
      path: this.#parts.path,
      // Otherwise a field that this release lacks is dropped in silence, and with it a placement.
      query: { fieldValidation: 'Strict', ...query },
      body: manifest,
    });
  }

  /** Whether exactly this one is gone or going; false when the name is another's. */
  async #delete(name: string, uid: string): Promise<boolean> {
    try {
      const answer = await this.#parts.client.call<TrainJobObject | { kind: 'Status' }>({
        method: 'DELETE',
        path: `${this.#parts.path}/${name}`,
        body: {
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          propagationPolicy: 'Background',
          preconditions: { uid },
        },
      });
      // The object itself comes back when somebody's finalizer holds it.
      if ('metadata' in answer && answer.metadata.uid === uid) this.#parts.seen.put(answer);
      else this.#parts.seen.remove(name, uid);
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === CONFLICT) return false;
      if (!isAbsence(error, name)) throw toClusterFailure(error, this.#parts.logger);
      this.#parts.seen.remove(name, uid);
      return true;
    }
  }
}

/** Whether a TrainJob was made for this very record. */
export function isOwnedBy({ metadata }: TrainJobObject, { uid }: JobRecord): boolean {
  return (
    metadata.ownerReferences?.some((owner) => owner.kind === 'Secret' && owner.uid === uid) === true
  );
}

/** A server that does not serve TrainJobs at all answers 404, too, and says nothing of this one. */
function isAbsence(error: unknown, name: string): boolean {
  if (!(error instanceof ApiError) || error.status !== NOT_FOUND) return false;
  return error.serverMessage?.endsWith(` "${name}" not found`) === true;
}
