import type { ModelShape } from './model-shape.ts';

/** What of a training decides how much of a token is kept. */
export interface ActivationSettings {
  readonly isFull: boolean;
  /** Weights of 4 or 8 bits below an adapter. */
  readonly isQuantised: boolean;
  readonly isInt8: boolean;
  readonly isFp32: boolean;
  /** Whether the inputs of the adapter are dropped at random. */
  readonly hasDropout: boolean;
  readonly isCheckpointed: boolean;
  /** Tokens of a row. */
  readonly rowLength: number;
}

/** Bytes that a layer keeps of a token. */
interface Kept {
  /** For each hidden value: norms, attention, the stream from layer to layer. */
  readonly ofHidden: number;
  /** For each weight of its linear modules, over the hidden size: what goes into and out of them. */
  readonly ofWeights: number;
  /** For each hidden value: masks and copies of what is dropped. */
  readonly ofDropout: number;
}

/*
 * What autograd saves on a CPU (`runtime/tests/test_memory.py`), and 5.5 for each hidden value (fp32:
 * 11) for what attention on a GPU keeps beside it: repeated keys and values, and its output once more.
 */
const FULL: Kept = { ofHidden: 28.5, ofWeights: 2.75, ofDropout: 0 };
const FULL_FP32: Kept = { ofHidden: 28, ofWeights: 5.6, ofDropout: 0 };
const ADAPTER: Kept = { ofHidden: 23.5, ofWeights: 2.7, ofDropout: 10 };
const ADAPTER_FP32: Kept = { ofHidden: 18, ofWeights: 5.8, ofDropout: 27 };
const QUANTISED: Kept = { ofHidden: 15, ofWeights: 2.75, ofDropout: 18 };

/** In fp32 the attention keeps how much each token of a row attends to each, which its fused kernels do not. */
const ATTENDED = 4;
/** Where weights are in 8 bits, the scores of the words are there at once, and for each hidden value copies of a layer's inputs; both as measured. */
const INT8 = { ofWord: 2, ofHidden: 60 };

/** Of a layer, what its backward pass holds meanwhile. */
const WORKING_SHARE = 0.5;
/** Bytes of a token for each hidden value: what comes before the first layer and after the last. */
const KEPT_OF_ENDS = 12;

/** Bytes that a pass over one token keeps at most. The scores of the words are mostly made in parts. Pure. */
export function countActivations(shape: ModelShape, settings: ActivationSettings): number {
  const { parameters, embeddings, hidden, layers, headSize, vocabulary } = shape;
  const { ofHidden, ofWeights, ofDropout } = chooseKept(settings);
  const ofLayer =
    hidden * (ofHidden + (settings.hasDropout ? ofDropout : 0)) +
    (ofWeights * (parameters - embeddings)) / (layers * hidden) +
    (settings.isFp32 ? (ATTENDED * settings.rowLength * hidden) / headSize : 0);
  // What goes from layer to layer is in fp32 where the weights are.
  const stream = settings.isFull || settings.isFp32 ? 4 : 2;
  const kept = settings.isCheckpointed ? layers * hidden * stream + ofLayer : layers * ofLayer;
  const ofInt8 = settings.isInt8 ? INT8.ofWord * vocabulary + INT8.ofHidden * hidden : 0;
  return kept + WORKING_SHARE * ofLayer + KEPT_OF_ENDS * hidden + ofInt8;
}

function chooseKept({ isFull, isQuantised, isFp32 }: ActivationSettings): Kept {
  if (isFull) return isFp32 ? FULL_FP32 : FULL;
  if (isQuantised) return QUANTISED;
  return isFp32 ? ADAPTER_FP32 : ADAPTER;
}
