import type { TrainingRequest } from './training-request.ts';

/** A job's batch, and what decides how it is split; absent parts are the runtime's to choose. */
export interface BatchParts {
  readonly batchSize: number;
  readonly microBatchSize?: number | undefined;
  readonly gradientAccumulation?: number | undefined;
  /** Training processes over all nodes. */
  readonly processes: number;
}

/** Rows that a process takes at a time when the request does not say. */
const MAX_MICRO_BATCH = 8;

/** The rows that a step of our runtime takes: as asked, else what can be split over the processes. */
export function countRowsOfStep(parts: BatchParts): number {
  const { batchSize, microBatchSize, gradientAccumulation, processes } = parts;
  if (batchSize < processes) return processes;
  const ofProcess = Math.floor(batchSize / processes);
  const [divisor = 1] = [microBatchSize, gradientAccumulation].filter((part) => part !== undefined);
  const taken = Math.min(divisor, ofProcess);
  return Math.floor(ofProcess / taken) * taken * processes;
}

/** The rows that one process of our runtime takes at a time, as `plan_batch.py` splits them. */
export function rowsOfProcess(parts: BatchParts): number {
  const { batchSize, microBatchSize, gradientAccumulation, processes } = parts;
  const ofProcess = Math.max(1, Math.floor(batchSize / processes));
  if (microBatchSize !== undefined) return Math.min(microBatchSize, ofProcess);
  if (gradientAccumulation !== undefined) {
    return Math.floor(ofProcess / Math.min(gradientAccumulation, ofProcess));
  }
  let rows = Math.min(MAX_MICRO_BATCH, ofProcess);
  while (ofProcess % rows !== 0) rows -= 1;
  return rows;
}

/** The rows of a request that one process takes at a time; `variables` are as for `describeBatch`. */
export function rowsAtATime(
  request: TrainingRequest,
  variables: Readonly<Record<string, string>>,
): number {
  const { batch_size: batchSize, micro_batch_size: microBatchSize } = request.tuning_parameters;
  return rowsOfProcess({
    ...{ batchSize, microBatchSize, gradientAccumulation: readAccumulation(variables) },
    processes: countProcesses(request),
  });
}

/**
 * A sentence where a step will not take as many rows as the request asks for; `variables` are the
 * training container's.
 */
export function describeBatch(
  { resources, tuning_parameters, extra_parameters }: TrainingRequest,
  variables: Readonly<Record<string, string>>,
): string[] {
  const { batch_size: batchSize, micro_batch_size: microBatchSize } = tuning_parameters;
  const gradientAccumulation = readAccumulation(variables);
  const processes = countProcesses({ resources, extra_parameters });
  const rows = countRowsOfStep({ batchSize, microBatchSize, gradientAccumulation, processes });
  if (rows === batchSize) return [];
  const over = processes === 1 ? '1 process' : `${processes} processes`;
  return [
    `tuning_parameters.batch_size ${batchSize} cannot be split over ${over} as asked, so our own runtime takes ${rows} rows a step`,
  ];
}

/** Training processes of a request over all its nodes. */
export function countProcesses({
  resources,
  extra_parameters,
}: Pick<TrainingRequest, 'resources' | 'extra_parameters'>): number {
  const { num_nodes, num_proc_per_node } = extra_parameters;
  return num_nodes * (num_proc_per_node ?? Math.max(1, Math.floor(resources.gpus / num_nodes)));
}

/** The runtime takes it from these options, whichever service sets them. */
export function readAccumulation({
  UNSLOTH_OPTIONS_JSON: options,
}: Readonly<Record<string, string>>) {
  return options === undefined ? undefined : JSON.parse(options).gradient_accumulation;
}
