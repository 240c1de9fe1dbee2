import { countProcesses, rowsAtATime } from '../requests/batch-split.ts';
import type { TrainingRequest } from '../requests/training-request.ts';
import { countActivations } from './activations.ts';
import type { ModelShape } from './model-shape.ts';

/** Bytes of one GPU, which holds the whole model: our runtime splits the batch, not the weights. */
export interface MemoryTerms {
  readonly weights: number;
  readonly gradients: number;
  readonly optimizer: number;
  readonly activations: number;
}

/*
 * `runtime/tests/test_memory.py` counts the first three on a model of 100 million weights; see
 * docs/PLANS.md for where each figure comes from.
 */

const FP32 = 4;
/** Two moments for each weight that is trained. */
const ADAM_STATES = 2;
/** Blocks of bitsandbytes: 64 weights share a constant, and 256 constants another. */
const [BLOCK, SUPER_BLOCK] = [64, 256];
/** Inputs and outputs of a layer's linear modules, in hidden sizes: the feed-forward is 8/3 wide. */
const WIDTHS: Readonly<Record<string, number>> = {
  ...{ q_proj: 2, k_proj: 2, v_proj: 2, o_proj: 2 },
  ...{ gate_proj: 11 / 3, up_proj: 11 / 3, down_proj: 11 / 3 },
};
const ALL_WIDTHS = Object.values(WIDTHS).reduce((sum, width) => sum + width, 0);
const OTHER_WIDTH = 2;

/** What our runtime would hold of such a model while it trains as the request says. Pure. */
export function estimateMemory(
  request: TrainingRequest,
  shape: ModelShape,
  variables: Readonly<Record<string, string>> = {},
): MemoryTerms {
  const { precision, qlora, gradient_checkpointing: isCheckpointed } = request.customization;
  const isFp32 = precision === 'fp32';
  const isFull = isFullTraining(request);
  const isQuantised = !isFull && (qlora !== undefined || precision === 'int8');
  const computed = isFp32 ? FP32 : 2;
  const linear = shape.parameters - shape.embeddings;
  const trained = isFull ? shape.parameters : countAdapter(request, shape);
  // TRL trains the adapters of quantised weights in bf16, all others stay in fp32.
  const ofTrained = isQuantised ? 2 : FP32;
  const base = isFull
    ? shape.parameters * FP32
    : linear * toLinearBytes(request, computed) + shape.embeddings * computed;
  // bitsandbytes keeps the states of embeddings in 32 bits.
  const ofEmbeddings = shape.embeddings * ADAM_STATES * (FP32 - 1);
  const processes = countProcesses(request);
  return {
    weights: base + (isFull ? 0 : trained * ofTrained),
    // With several processes each sends its gradients from a buffer beside them.
    gradients: trained * ofTrained * (processes > 1 ? 2 : 1),
    optimizer:
      trained * toOptimizerBytes(request, ofTrained) +
      (isFull && request.tuning_parameters.optim === 'adamw_bnb_8bit' ? ofEmbeddings : 0),
    activations:
      // Of a micro batch of one process, whose rows are as long as they may be.
      rowsAtATime(request, variables) *
        request.tuning_parameters.max_sequence_length *
        countActivations(shape, {
          ...{ isFull, isQuantised, isFp32, isCheckpointed },
          isInt8: isQuantised && qlora === undefined,
          rowLength: request.tuning_parameters.max_sequence_length,
          hasDropout: !isFull && readDropout(request) > 0,
        }) +
      // Weights of fp32 are copied for the time of a step.
      (isFull && computed < FP32 ? shape.parameters * computed : 0),
  };
}

function isFullTraining({ customization: { method, peft } }: TrainingRequest): boolean {
  return method === 'full' || (method === 'peft' && peft?.use === false);
}

/** Bytes of one weight of a linear layer below an adapter. */
function toLinearBytes({ customization }: TrainingRequest, computed: number): number {
  const { qlora, precision } = customization;
  if (qlora === undefined) return precision === 'int8' ? 1 : computed;
  const constants = qlora.use_double_quant ? 1 + FP32 / SUPER_BLOCK : FP32;
  return 0.5 + constants / BLOCK;
}

/** Weights of the adapter: two thin matrices beside each module. */
function countAdapter({ customization }: TrainingRequest, { hidden, layers }: ModelShape): number {
  const config = customization.peft?.config as
    | { r?: unknown; target_modules?: unknown }
    | undefined;
  const { lora } = customization;
  const rank = typeof config?.r === 'number' ? config.r : lora.rank;
  const targets = config?.target_modules ?? lora.target_modules;
  const width = Array.isArray(targets)
    ? targets.reduce((sum: number, name) => sum + (WIDTHS[String(name)] ?? OTHER_WIDTH), 0)
    : ALL_WIDTHS;
  return rank * width * hidden * layers;
}

function readDropout({ customization: { lora, peft } }: TrainingRequest): number {
  const config = peft?.config as { lora_dropout?: unknown } | undefined;
  return typeof config?.lora_dropout === 'number' ? config.lora_dropout : lora.dropout;
}

function toOptimizerBytes({ tuning_parameters }: TrainingRequest, ofTrained: number): number {
  switch (tuning_parameters.optim) {
    case 'adamw_bnb_8bit':
      return ADAM_STATES;
    case 'paged_adamw_8bit':
      // In the memory of the machine where the GPU's is full.
      return 0;
    default:
      return ADAM_STATES * ofTrained;
  }
}
