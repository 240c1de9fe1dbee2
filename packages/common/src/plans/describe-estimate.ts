import { rowsAtATime } from '../requests/batch-split.ts';
import type { PlanAnswer } from '../requests/plan.ts';
import type { TrainingRequest } from '../requests/training-request.ts';
import { toGpuMemoryGib } from './gpu-memory.ts';
import { estimateMemory } from './memory-estimate.ts';
import { toUsualShape } from './model-shape.ts';
import { readModelSize } from './model-size.ts';

type Estimate = NonNullable<PlanAnswer['estimate']>;

const GIB = 2 ** 30;
/** The rest is CUDA's own, and what fragments. */
const USABLE_SHARE = 0.9;

/**
 * What a job would hold of each GPU, and whether that fits. `variables` are those by which a backend
 * sets our runtime. Pure.
 */
export function describeEstimate(
  request: TrainingRequest,
  variables: Readonly<Record<string, string>> = {},
): Estimate {
  const { base_model, extra_parameters, resources } = request;
  const gpuMemory = resources.gpus === 0 ? undefined : toGpuMemoryGib(request);
  const gpu_memory_gb = gpuMemory === undefined ? null : round(gpuMemory);
  const size = readModelSize([
    base_model.model_name,
    base_model.weights_url,
    extra_parameters.model_uri,
  ]);
  if (size === undefined) {
    return {
      ...{ memory_gb: null, gpu_memory_gb, fits: null, parameters: null, basis: 'unknown' },
      notes: [
        'The size of the model is not known: neither base_model.model_name nor the addresses of the weights name a number of parameters, such as 7b.',
      ],
    };
  }
  const terms = estimateMemory(request, toUsualShape(size.parameters), variables);
  const { weights, gradients, optimizer, activations } = terms;
  const total = weights + gradients + optimizer + activations;
  return {
    memory_gb: {
      weights: round(weights / GIB),
      optimizer: round(optimizer / GIB),
      gradients: round(gradients / GIB),
      activations: round(activations / GIB),
      total: round(total / GIB),
    },
    gpu_memory_gb,
    fits: gpuMemory === undefined ? null : total / GIB <= gpuMemory * USABLE_SHARE,
    parameters: size.parameters,
    basis: 'formula',
    notes: describeAssumptions(request, {
      ...{ readFrom: size.readFrom, gpuMemory },
      rows: rowsAtATime(request, variables),
    }),
  };
}

function describeAssumptions(
  { resources, tuning_parameters, customization, extra_parameters }: TrainingRequest,
  {
    readFrom,
    gpuMemory,
    rows,
  }: {
    readonly readFrom: string;
    readonly gpuMemory: number | undefined;
    readonly rows: number;
  },
): string[] {
  const { gpu_type } = resources;
  const { max_sequence_length: tokens } = tuning_parameters;
  return [
    `The size of the model is read from its name (${readFrom}), and its shape is the usual one of a decoder of that size.`,
    'Each GPU holds the whole model, since our runtime splits the batch and not the weights.',
    `Each GPU takes ${rows === 1 ? '1 row' : `${rows} rows`} at a time, each of max_sequence_length ${tokens} tokens${rows === 1 ? '' : '; with a smaller tuning_parameters.micro_batch_size it takes fewer'}.`,
    ...(customization.trainable_layers.length > 0
      ? ['customization.trainable_layers trains less than is counted here.']
      : []),
    ...(extra_parameters.trainer_command === undefined
      ? []
      : ['extra_parameters.trainer_command may do something else.']),
    ...describeGpu(resources.gpus, gpu_type, gpuMemory),
  ];
}

function describeGpu(
  gpus: number,
  type: string | undefined,
  gpuMemory: number | undefined,
): string[] {
  if (gpus === 0) return ['No GPU is asked for, so nothing is compared.'];
  if (gpuMemory !== undefined) return [];
  return type === undefined
    ? ['resources.gpu_type is not given, so it is not known whether this fits.']
    : [`The memory of a GPU of type ${type} is not known, so it is not known whether this fits.`];
}

/** Three digits after the point are more than an estimate knows. */
function round(gib: number): number {
  return Math.round(gib * 1000) / 1000;
}
