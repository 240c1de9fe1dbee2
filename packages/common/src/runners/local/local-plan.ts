import type { JsonObject } from '../../jobs/job.ts';
import type { Variable } from '../../jobs/job-environment.ts';
import type { PreparedJob } from '../../jobs/job-runner.ts';
import type { JobSpec } from '../../jobs/job-spec.ts';
import { redact } from '../../requests/credentials.ts';
import { DEFAULT_NODE_RESOURCES } from '../../requests/node-resources.ts';
import { type SlotPool, toSlotCount } from './slot-pool.ts';

/** What this runner keeps of a job; JSON without credentials. */
export interface LocalPlan {
  readonly variables: readonly Variable[];
  /** GPUs that were asked for, over all nodes. */
  readonly wanted: number;
  readonly deadlineSeconds?: number | undefined;
}

/** What one machine makes of a job. Pure. */
export function planLocally(
  spec: JobSpec,
  pool: SlotPool,
  defaultImage: string | undefined,
): Omit<PreparedJob, 'plan'> & { readonly plan: LocalPlan } {
  const wanted = Math.max(1, spec.resourcesPerNode.gpus * spec.nodes);
  const { variables, deadlineSeconds } = spec;
  const processes = toSlotCount(wanted, pool);
  return {
    plan: { variables, wanted, ...(deadlineSeconds !== undefined && { deadlineSeconds }) },
    secrets: {},
    warnings: [...describeIgnored(spec, defaultImage), ...describePool(wanted, processes, pool)],
    echo: redact({
      runner: 'local',
      device: pool.device,
      processes,
      deadline_seconds: deadlineSeconds ?? null,
      env_names: variables.map(({ name }) => name),
      env: variables.map((each) => ('value' in each ? each : { name: each.name, secret: true })),
    }) as JsonObject,
  };
}

function describePool(wanted: number, processes: number, { device }: SlotPool): string[] {
  if (device === 'gpu' && processes >= wanted) return [];
  const has = device === 'gpu' ? plural(processes, 'GPU') : 'no GPU';
  const where = device === 'gpu' ? '' : ' on CPU cores';
  const how = `${plural(processes, 'process', 'es')}${where}`;
  return [
    `resources.gpus is ${wanted}, and this machine has ${has}: the job trains in ${how} with the same batch, and takes longer`,
  ];
}

function plural(count: number, word: string, ending = 's'): string {
  return `${count} ${word}${count === 1 ? '' : ending}`;
}

/** Sentences on what only a cluster could do. */
function describeIgnored(spec: JobSpec, defaultImage: string | undefined): string[] {
  // Of a Secret's variable and of a priority without a queue others tell.
  const { secret_variables: _told, priority_class_name, ...options } = spec.clusterOptions;
  const { gpus } = spec.resourcesPerNode;
  const isProcessesAsked = spec.processesPerNode !== (gpus >= 1 ? gpus : undefined);
  const given: Record<string, unknown> = {
    container_image: spec.image === defaultImage ? undefined : spec.image,
    ...options,
    priority_class_name: options.queue_name && priority_class_name,
    num_nodes: spec.nodes > 1 ? spec.nodes : undefined,
    num_proc_per_node: isProcessesAsked ? spec.processesPerNode : undefined,
  };
  return Object.entries(given)
    .filter(([, value]) => value !== undefined)
    .map(([name]) => `extra_parameters.${name}`)
    .concat(spec.gpuType === undefined ? [] : 'resources.gpu_type')
    .map((path) => `${path} is ignored, since the job runs as processes of this machine`)
    .concat(describeUnlimited(spec));
}

/** What a container would hold a job to, and nothing does here; a default is nobody's wish. */
function describeUnlimited({ resourcesPerNode: { cpus, memoryGb } }: JobSpec): string[] {
  const asked = [
    ...(cpus === DEFAULT_NODE_RESOURCES.cpus ? [] : ['resources.cpus']),
    ...(memoryGb === DEFAULT_NODE_RESOURCES.memory_gb ? [] : ['resources.memory_gb']),
  ];
  if (asked.length === 0) return [];
  const verb = asked.length === 1 ? 'is' : 'are';
  return [
    `${asked.join(' and ')} ${verb} ignored: the job shares the memory and the cores of this machine`,
  ];
}
