import { findNearestName } from './nearest-name.ts';
import type { SchemaShape } from './schema-shape.ts';
import { RUNTIME_SETTINGS, TUNING_ALIASES } from './tuning-names.ts';

/** Other names that a section's own preprocessing understands. */
const ALIASES = new Set([
  'extra_parameters.command',
  ...[...Object.keys(TUNING_ALIASES), ...RUNTIME_SETTINGS].map((key) => `tuning_parameters.${key}`),
]);

/** They are kept with the job and repeated in each of its answers. */
const MAX_SENTENCES = 20;

/**
 * Makes a function that names, in one sentence each, the keys of a value which its shape does
 * not know, with the nearest known name. Of keys that pass through, only likely misspellings are named.
 */
export function createUnknownKeyFinder(known: SchemaShape): (value: unknown) => string[] {
  return (value) => {
    const sentences: string[] = [];
    collect(known, value, '', sentences);
    if (sentences.length <= MAX_SENTENCES) return sentences;
    return [...sentences.slice(0, MAX_SENTENCES), 'There are more unknown fields than these'];
  };
}

function collect(known: SchemaShape, value: unknown, path: string, sentences: string[]): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    if (known.element === undefined) return;
    for (const [index, item] of value.entries()) {
      collect(known.element, item, `${path}[${index}]`, sentences);
    }
    return;
  }
  if (known.passesThrough === undefined) return;
  for (const key of Object.keys(value)) {
    if (sentences.length > MAX_SENTENCES) return;
    const childKeys = known.fields.get(key);
    const child = (value as Readonly<Record<string, unknown>>)[key];
    // Nearly every field is known and holds no others: it needs no path.
    if (childKeys !== undefined && (typeof child !== 'object' || child === null)) continue;
    const childPath = path === '' ? key : `${path}.${key}`;
    if (childKeys !== undefined) collect(childKeys, child, childPath, sentences);
    else if (!ALIASES.has(childPath)) {
      const sentence = describe(known, key, childPath);
      if (sentence !== undefined) sentences.push(sentence);
    }
  }
}

function describe(known: SchemaShape, key: string, path: string): string | undefined {
  const isTuning = path.startsWith('tuning_parameters.');
  const near = findNearestName(key, [...namesOf(known), ...(isTuning ? RUNTIME_SETTINGS : [])]);
  const shown = path.length > 200 ? `${path.slice(0, 200)}…` : path;
  if (!known.passesThrough) {
    return `${shown} is not a known field and is ignored; the nearest known name is ${near.name}`;
  }
  if (near.edits > Math.max(1, key.length / 5)) {
    return isTuning
      ? `${shown} is passed to the trainer as it is; our own runtime does not know it and ignores it`
      : undefined;
  }
  return `${shown} is passed to the trainer as it is; did you mean ${near.name}?`;
}

/** Names one level down count too: `lora_rnak` is nearest to `lora.rank`. */
function namesOf({ fields }: SchemaShape): string[] {
  return [...fields].flatMap(([field, { fields: inner }]) => [
    field,
    ...[...inner.keys()].map((name) => `${field}.${name}`),
  ]);
}
