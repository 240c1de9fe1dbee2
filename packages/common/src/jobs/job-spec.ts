import type { Config } from '../config.ts';
import type { CredentialFields } from '../requests/credential-fields.ts';
import { type SecretTest, withoutCredentials } from '../requests/credentials.ts';
import type { ExtraParameters, MockScript } from '../requests/extra-parameters.ts';
import type { SecretVariable } from '../requests/trainer-variables.ts';
import type { TrainingRequest } from '../requests/training-request.ts';
import { buildJobEnvironment, type Secrets, type Variable, type Word } from './job-environment.ts';
import { createJobMask } from './job-mask.ts';
import type { SecretMask } from './secret-mask.ts';

/** What a backend adds to every job of its own. */
export interface BackendTraits {
  readonly name: string;
  /** Replaces the runtime's command; undefined leaves the runtime's own. */
  readonly command: readonly string[] | undefined;
  /** Further variables of the training container, without credentials. */
  readonly env: Readonly<Record<string, string>>;
}

/** What a request itself names in Kubernetes' words, for runners that know them. */
export type ClusterOptions = Pick<
  ExtraParameters,
  | 'runtime_ref'
  | 'resources_per_node'
  | 'job_labels'
  | 'job_annotations'
  | 'queue_name'
  | 'priority_class_name'
  | 'node_selector'
  | 'tolerations'
  | 'image_pull_secrets'
> & {
  /** Variables whose values are in Secrets of the cluster, by name. */
  readonly secret_variables: Readonly<Record<string, SecretVariable>>;
};

/**
 * What is to run, free of the wire's spelling and of any platform. It is JSON and holds no
 * credential: where one belongs, it names the key of the job's secret values.
 */
export interface JobSpec {
  readonly jobId: string;
  readonly backend: string;
  /** Undefined leaves the choice to the platform. */
  readonly image?: string | undefined;
  readonly command?: readonly Word[] | undefined;
  readonly args?: readonly Word[] | undefined;
  readonly variables: readonly Variable[];
  /** Names of credentials that the request does not bring; a platform may have its own. */
  readonly absentCredentials: readonly string[];
  readonly nodes: number;
  /** Undefined leaves the choice to the platform. */
  readonly processesPerNode?: number | undefined;
  readonly resourcesPerNode: {
    readonly cpus: number;
    readonly memoryGb: number;
    readonly gpus: number;
  };
  readonly gpuType?: string | undefined;
  readonly deadlineSeconds?: number | undefined;
  /** Addresses without credentials that a platform may load before the training begins. */
  readonly sources: {
    /** Of the dataset, where there is exactly one. */
    readonly dataset?: string | undefined;
    readonly model?: string | undefined;
    /** Where the request names addresses that only the training itself can load. */
    readonly others?: readonly string[];
  };
  readonly clusterOptions: ClusterOptions;
  /** What a runner that only simulates is asked to play. */
  readonly simulation?: MockScript | undefined;
}

/** A job spec with the values that its variables refer to by key. */
export interface SpecifiedJob {
  readonly spec: JobSpec;
  readonly secrets: Secrets;
}

/**
 * Turns a request that passed every rule into the job that is to run.
 * @throws TrainerError PAYLOAD_TOO_LARGE when the normalised request exceeds 96 KiB.
 */
export function buildJobSpec(
  request: TrainingRequest,
  backend: BackendTraits,
  config: Pick<Config, 'defaultContainerImage' | 's3Endpoint' | 's3Region'>,
  credentials: CredentialFields | undefined,
  holdsSecret: SecretTest,
): SpecifiedJob {
  // A plan shows what it holds, so it is made of what may be seen.
  const visible = withoutCredentials(request, credentials);
  const { resources, extra_parameters: extra } = visible;
  const { cpus, memory_gb, max_duration_minutes } = resources;
  const gpus = resources.gpus / extra.num_nodes;
  const { secrets, ...environment } = buildJobEnvironment(request, visible, holdsSecret, {
    backend: backend.name,
    env: backend.env,
    command: extra.trainer_command ?? backend.command,
    args: extra.trainer_args,
    storage: { endpoint: config.s3Endpoint, region: config.s3Region },
  });
  const spec: JobSpec = {
    jobId: request.job_id,
    backend: backend.name,
    image: extra.container_image ?? config.defaultContainerImage,
    ...environment,
    nodes: extra.num_nodes,
    processesPerNode: extra.num_proc_per_node ?? (gpus >= 1 ? gpus : undefined),
    resourcesPerNode: { cpus, memoryGb: memory_gb, gpus },
    gpuType: resources.gpu_type,
    deadlineSeconds: max_duration_minutes && max_duration_minutes * 60,
    sources: toSources(request, holdsSecret),
    clusterOptions: {
      runtime_ref: extra.runtime_ref,
      resources_per_node: extra.resources_per_node,
      job_labels: extra.job_labels,
      job_annotations: extra.job_annotations,
      queue_name: extra.queue_name,
      priority_class_name: extra.priority_class_name,
      node_selector: extra.node_selector,
      tolerations: extra.tolerations,
      image_pull_secrets: extra.image_pull_secrets,
      secret_variables: toSecretVariables(request.extra_parameters.trainer_env),
    },
    simulation: extra.mock && toSimulation(extra.mock, createJobMask(secrets)),
  };
  return { spec, secrets };
}

/** Its reason becomes the detail of the job, which is shown. */
function toSimulation({ reason, ...script }: MockScript, mask: SecretMask): MockScript {
  return { ...script, reason: reason && mask.apply(reason) };
}

function toSecretVariables(
  env: ExtraParameters['trainer_env'],
): ClusterOptions['secret_variables'] {
  const entries = Object.entries(env ?? {});
  return Object.fromEntries(
    entries.flatMap(([name, value]) => (typeof value === 'string' ? [] : [[name, value]])),
  );
}

function toSources(request: TrainingRequest, holdsSecret: SecretTest): JobSpec['sources'] {
  const { datasets, extra_parameters } = request;
  const [first, ...further] = datasets;
  const visible = (uri: string | undefined) => (holdsSecret(uri) ? undefined : uri);
  const dataset = further.length === 0 ? visible(first?.source) : undefined;
  const isWeightsUrl = request.base_model.weights_url !== undefined;
  return {
    dataset,
    model: visible(extra_parameters.model_uri),
    others: [
      ...(dataset === undefined ? datasets.map((_, index) => `datasets[${index}].source`) : []),
      ...(isWeightsUrl ? ['base_model.weights_url'] : []),
    ],
  };
}
