import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { Clock } from '../../clock.ts';
import type { Config } from '../../config.ts';
import { errors } from '../../errors.ts';
import { type ApiClient, ApiError } from '../../kubernetes/api-client.ts';
import { toClusterFailure } from '../../kubernetes/cluster-failure.ts';
import {
  NEWEST_FIELDS,
  type OpenApiDocument,
  readTrainJobFields,
  type TrainJobFields,
} from './train-job-schema.ts';
import type { ClusterCapabilities, RuntimeRef } from './trainjob/manifest.ts';
import { TRAINING_STEP } from './trainjob/replicated-jobs.ts';

export interface CapabilitiesParts {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: Pick<Config, 'jobsNamespace' | 'trainJobApiVersion'>;
}

interface RuntimeObject {
  readonly spec?: {
    readonly template?: {
      readonly spec?: {
        readonly replicatedJobs?: readonly { readonly name: string }[];
        readonly volumeClaimPolicies?: readonly {
          readonly templates?: readonly { readonly metadata?: { readonly name?: string } }[];
          readonly retentionPolicy?: { readonly whenDeleted?: string };
        }[];
      };
    };
  };
}

/** What is remembered of a runtime. */
interface Runtime {
  readonly steps: readonly string[];
  /** Claims that JobSet makes for each job and that stay when it goes: the first part of their names. */
  readonly keptClaims: readonly string[];
}

const NO_RUNTIME: Runtime = { steps: [], keptClaims: [] };

/** `/openapi/v3`: where each group's document lies, with a hash of it in the URL. */
interface OpenApiIndex {
  readonly paths?: Readonly<Record<string, { readonly serverRelativeURL?: string }>>;
}

const MAX_RUNTIMES = 256;
/** A runtime that an administrator changes is seen this much later. */
const RUNTIME_TTL_MS = 30_000;
/** A release that an administrator installs is seen this much later, or when it refuses a field. */
const FIELDS_TTL_MS = 5 * 60_000;
/** The document is a megabyte. */
const DOCUMENT_TIMEOUT_MS = 30_000;

/** What this cluster's Kubeflow Trainer and runtimes can do, read from the cluster and remembered. */
export class Capabilities {
  readonly #parts: CapabilitiesParts;
  readonly #runtimes: LRUCache<string, Runtime>;
  #fields: { readonly url: string; readonly value: TrainJobFields } | undefined;
  #checkedAtMs = Number.NEGATIVE_INFINITY;
  #checking: Promise<TrainJobFields> | undefined;

  constructor(parts: CapabilitiesParts) {
    this.#parts = parts;
    this.#runtimes = new LRUCache({
      max: MAX_RUNTIMES,
      ttl: RUNTIME_TTL_MS,
      perf: { now: () => parts.clock.monotonic() },
      ttlResolution: 0,
      fetchMethod: async (path, _, { options }) => {
        const runtime = await this.#readRuntime(path);
        // A client whose runtime is missing creates it, and then tries again at once.
        if (runtime === undefined) options.ttl = 1;
        return runtime ?? NO_RUNTIME;
      },
    });
  }

  /**
   * What the manifest of a job with this runtime may use. A runtime that does not exist has no
   * steps; that it does not exist is for the cluster's admission to say.
   * @throws TrainerError CLUSTER_UNAVAILABLE
   */
  async describe(runtime: RuntimeRef): Promise<ClusterCapabilities> {
    const [fields, { steps }] = await Promise.all([this.#getFields(), this.#getRuntime(runtime)]);
    return { ...fields, steps };
  }

  /**
   * The templates of volume claims that outlive a job with this runtime.
   * @throws TrainerError CLUSTER_UNAVAILABLE
   */
  async listKeptClaims(runtime: RuntimeRef): Promise<readonly string[]> {
    return (await this.#getRuntime(runtime)).keptClaims;
  }

  /** Makes the next `describe` look at the cluster again. */
  forget(): void {
    this.#checkedAtMs = Number.NEGATIVE_INFINITY;
    this.#runtimes.clear();
    this.#fields = undefined;
  }

  async #getRuntime(runtime: RuntimeRef): Promise<Runtime> {
    const path = this.#toRuntimePath(runtime);
    return path === undefined ? NO_RUNTIME : this.#runtimes.forceFetch(path);
  }

  async #getFields(): Promise<TrainJobFields> {
    const known = this.#fields?.value;
    const isDue = this.#parts.clock.monotonic() - this.#checkedAtMs >= FIELDS_TTL_MS;
    if (known !== undefined && !isDue) return known;
    this.#checking ??= this.#checkFields().finally(() => {
      this.#checking = undefined;
    });
    if (known === undefined) return this.#checking;
    // What is known is good enough meanwhile, and also when the cluster does not answer.
    this.#checking.catch(() => {});
    return known;
  }

  async #checkFields(): Promise<TrainJobFields> {
    const { clock, logger } = this.#parts;
    try {
      const url = await this.#findDocument();
      if (this.#fields?.url !== url) {
        const value = readTrainJobFields(await this.#readDocument(url));
        if (value === undefined) throw errors.kubeflowNotInstalled();
        this.#fields = { url, value };
      }
      this.#checkedAtMs = clock.monotonic();
      return this.#fields.value;
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 403)) {
        throw toClusterFailure(error, logger);
      }
      logger.warn({ err: error }, 'TrainJob schema could not be read, assuming the newest');
      this.#fields = { url: '', value: NEWEST_FIELDS };
      this.#checkedAtMs = clock.monotonic();
      return NEWEST_FIELDS;
    }
  }

  async #findDocument(): Promise<string> {
    const { client, config } = this.#parts;
    const index = await client.call<OpenApiIndex>({ method: 'GET', path: '/openapi/v3' });
    const url = index.paths?.[`apis/${config.trainJobApiVersion}`]?.serverRelativeURL;
    if (url === undefined) throw errors.kubeflowNotInstalled();
    return url;
  }

  #readDocument(url: string): Promise<OpenApiDocument> {
    const [path = '', search] = url.split('?');
    const query = Object.fromEntries(new URLSearchParams(search));
    const timeoutMs = DOCUMENT_TIMEOUT_MS;
    return this.#parts.client.call<OpenApiDocument>({ method: 'GET', path, query, timeoutMs });
  }

  async #readRuntime(path: string): Promise<Runtime | undefined> {
    const { client, logger } = this.#parts;
    try {
      const { spec } = await client.call<RuntimeObject>({ method: 'GET', path });
      const { replicatedJobs = [], volumeClaimPolicies = [] } = spec?.template?.spec ?? {};
      const steps = replicatedJobs.map(({ name }) => name).filter((name) => name !== TRAINING_STEP);
      const keptClaims = volumeClaimPolicies
        .filter(({ retentionPolicy }) => retentionPolicy?.whenDeleted === 'Retain')
        .flatMap(({ templates = [] }) => templates.flatMap(({ metadata }) => metadata?.name ?? []));
      return { steps, keptClaims };
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw toClusterFailure(error, logger);
    }
  }

  /** Undefined for a kind that is none of Kubeflow's own. */
  #toRuntimePath({ kind, apiGroup, name }: RuntimeRef): string | undefined {
    const { trainJobApiVersion, jobsNamespace } = this.#parts.config;
    if (!trainJobApiVersion.startsWith(`${apiGroup}/`)) return undefined;
    const root = `/apis/${trainJobApiVersion}`;
    const id = encodeURIComponent(name);
    switch (kind) {
      case 'ClusterTrainingRuntime':
        return `${root}/clustertrainingruntimes/${id}`;
      case 'TrainingRuntime':
        return `${root}/namespaces/${jobsNamespace}/trainingruntimes/${id}`;
      default:
        return undefined;
    }
  }
}
