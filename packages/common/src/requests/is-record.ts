/** A JSON object, as far as its own keys are concerned. */
export type Json = Readonly<Record<string, unknown>>;

/** Whether a value is an object and no list. */
export function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value where it is an object, else an empty one. */
export function asRecord(value: unknown): Json {
  return isRecord(value) ? value : {};
}
