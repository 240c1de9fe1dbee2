import type { Config, GpuPlacement } from '../config.ts';
import type { TrainingRequest } from '../requests/training-request.ts';

/** What a backend adds to every job of its own. */
export interface BackendTraits {
  readonly name: string;
  /** Replaces the runtime's command; undefined leaves the runtime's own. */
  readonly command: readonly string[] | undefined;
  /** Further variables of the training container, without credentials. */
  readonly env: Readonly<Record<string, string>>;
}

/** Kubernetes quantities by resource name. */
export type Quantities = Readonly<Record<string, string>>;

/** All that a runner needs to know of a job, free of the wire's spelling and of Kubernetes' shapes. */
export interface JobSpec {
  readonly jobId: string;
  readonly backend: string;
  readonly runtime: { readonly name: string; readonly kind: string; readonly apiGroup: string };
  readonly image: string | undefined;
  readonly command: readonly string[] | undefined;
  readonly args: readonly string[] | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly nodes: number;
  readonly processesPerNode: number | undefined;
  readonly resourcesPerNode: { readonly requests?: Quantities; readonly limits?: Quantities };
  readonly activeDeadlineSeconds: number | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly queueName: string | undefined;
  readonly placement: GpuPlacement | undefined;
  readonly serviceAccount: string | undefined;
  readonly storage: {
    readonly endpoint: string | undefined;
    readonly region: string | undefined;
    /** A Secret of the jobs' namespace that serves requests without credentials of their own. */
    readonly defaultSecret: string | undefined;
  };
  readonly request: TrainingRequest;
}

const GPU_RESOURCE = 'nvidia.com/gpu';

/** Turns a request that passed every rule into the job that is to run. */
export function buildJobSpec(
  request: TrainingRequest,
  backend: BackendTraits,
  config: Config,
): JobSpec {
  const { resources, extra_parameters: extra } = request;
  const gpusPerNode = resources.gpus / extra.num_nodes;
  const { name, kind, apiGroup } = extra.runtime_ref ?? config.runtime;
  return {
    jobId: request.job_id,
    backend: backend.name,
    runtime: {
      name,
      kind: kind ?? config.runtime.kind,
      apiGroup: apiGroup ?? config.runtime.apiGroup,
    },
    image: extra.container_image ?? config.defaultContainerImage,
    command: extra.trainer_command ?? backend.command,
    args: extra.trainer_args,
    env: backend.env,
    nodes: extra.num_nodes,
    processesPerNode: extra.num_proc_per_node ?? (gpusPerNode >= 1 ? gpusPerNode : undefined),
    resourcesPerNode: withoutUndefined(extra.resources_per_node) ?? perNode(resources, gpusPerNode),
    activeDeadlineSeconds: resources.max_duration_minutes && resources.max_duration_minutes * 60,
    labels: extra.job_labels ?? {},
    annotations: extra.job_annotations ?? {},
    queueName: extra.queue_name,
    placement: placementOf(resources.gpu_type, config),
    serviceAccount: config.trainingServiceAccount,
    storage: {
      endpoint: config.s3Endpoint,
      region: config.s3Region,
      defaultSecret: config.defaultCredentialsSecret,
    },
    request,
  };
}

function placementOf(gpuType: string | undefined, { gpuTypes }: Config): GpuPlacement | undefined {
  // A type may be any text, so `constructor` too.
  return gpuType !== undefined && Object.hasOwn(gpuTypes, gpuType) ? gpuTypes[gpuType] : undefined;
}

/** Sentences about settings of the request that this service or cluster will not act on. */
export function describeUnused(request: TrainingRequest, config: Config): string[] {
  const { gpu_type } = request.resources;
  const isMapped = gpu_type === undefined || Object.hasOwn(config.gpuTypes, gpu_type);
  if (isMapped || Object.keys(config.gpuTypes).length === 0) return [];
  const known = Object.keys(config.gpuTypes).join(', ');
  return [`resources.gpu_type is not one of ${known}, so the job may run on any node with GPUs`];
}

function perNode({ cpus, memory_gb }: TrainingRequest['resources'], gpus: number) {
  const amounts = {
    cpu: String(cpus),
    memory: `${memory_gb}Gi`,
    ...(gpus > 0 && { [GPU_RESOURCE]: String(gpus) }),
  };
  return { requests: amounts, limits: amounts };
}

function withoutUndefined(
  resources: TrainingRequest['extra_parameters']['resources_per_node'],
): JobSpec['resourcesPerNode'] | undefined {
  if (resources === undefined) return undefined;
  const { requests, limits } = resources;
  return { ...(requests && { requests }), ...(limits && { limits }) };
}
