import type { JsonObject } from './job.ts';

const texts = new WeakMap<JsonObject, string>();

/** The JSON of an object that never changes: written once, for store and answers alike. */
export function toJsonText(value: JsonObject): string {
  const known = texts.get(value);
  if (known !== undefined) return known;
  const text = JSON.stringify(value);
  texts.set(value, text);
  return text;
}
