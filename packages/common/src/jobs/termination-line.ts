import { RUNTIME_TABLE } from '../requests/runtime-table.ts';
import type { JsonObject } from './job.ts';
import type { Reason } from './reasons.ts';

type RuntimeCode = (typeof RUNTIME_TABLE.reasons)[number];

const LINE = /^([A-Z][A-Z_]{2,39}): (.+)$/;
const CODES: ReadonlyMap<string, Reason> = new Map(
  RUNTIME_TABLE.reasons.map((code) => [code, toReason(code)]),
);

/** Each code of the runtime's ends is a reason of its own; a new one does not compile without. */
function toReason(code: RuntimeCode): Reason {
  return code === 'INTERNAL' ? 'TRAINING_FAILED' : code;
}

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

/** What the training runtime leaves there of a result: one JSON object that names the model. */
export function parseTerminationResult(text: string): JsonObject | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { model_uri: modelUri } = (value ?? {}) as { model_uri?: unknown };
  return typeof modelUri === 'string' ? (value as JsonObject) : undefined;
}
