import type { JobSpec } from '../../../jobs/job-spec.ts';

const GPU_RESOURCE = 'nvidia.com/gpu';

/** Kubernetes quantities by resource name. */
type Quantities = Readonly<Record<string, string>>;

export interface ResourceRequirements {
  readonly requests?: Quantities;
  readonly limits?: Quantities;
}

/** The resources of each node: those that the request names in Kubernetes' words, else its others. */
export function toResourcesPerNode({
  clusterOptions,
  resourcesPerNode,
}: JobSpec): ResourceRequirements {
  const named = clusterOptions.resources_per_node;
  if (named !== undefined) {
    const { requests, limits } = named;
    return { ...(requests && { requests }), ...(limits && { limits }) };
  }
  const { cpus, memoryGb, gpus } = resourcesPerNode;
  const amounts = {
    cpu: String(cpus),
    memory: `${memoryGb}Gi`,
    ...(gpus > 0 && { [GPU_RESOURCE]: String(gpus) }),
  };
  return { requests: amounts, limits: amounts };
}
