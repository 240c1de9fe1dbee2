const texts = new WeakMap<object, string>();

/** The JSON of an object that never changes: written once, for store, hash and answers alike. */
export function toJsonText(value: object): string {
  const known = texts.get(value);
  if (known !== undefined) return known;
  const text = JSON.stringify(value);
  texts.set(value, text);
  return text;
}
