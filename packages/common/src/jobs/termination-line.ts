import type { Reason } from './reasons.ts';

/** Codes of the training runtime's own (runtime/trainer_runtime/reasons.py), each a reason as it is. */
export const TRAINER_CODES = [
  'CONFIG_INVALID',
  'DATASET_INVALID',
  'DATASET_UNAVAILABLE',
  'GPU_UNAVAILABLE',
  'ENGINE_UNAVAILABLE',
  'MODEL_UNAVAILABLE',
  'MODEL_INCOMPATIBLE',
  'OUT_OF_MEMORY',
  'LOSS_NOT_FINITE',
  'CHECKPOINT_MISMATCH',
  'UPLOAD_FAILED',
  'STALLED',
  'STOPPED',
] as const satisfies readonly Reason[];

const LINE = /^([A-Z][A-Z_]{2,39}): (.+)$/;
const CODES: ReadonlyMap<string, Reason> = new Map([
  ...TRAINER_CODES.map((code) => [code, code] as const),
  ['INTERNAL', 'TRAINING_FAILED'],
]);

/**
 * What the training runtime says of its end, `CODE: sentence` in one line; undefined for what
 * another program wrote there.
 */
export function parseTerminationLine(
  text: string,
): { readonly reason: Reason; readonly sentence: string } | undefined {
  const [, code = '', sentence = ''] = LINE.exec(text.trim()) ?? [];
  const reason = CODES.get(code);
  return reason && { reason, sentence };
}
