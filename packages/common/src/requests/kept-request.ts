import { jsonBytes } from '../json-bytes.ts';
import { isCredentialName } from './credential-names.ts';
import { isCredentialWord } from './credential-words.ts';
import { createSecretTest, REDACTED } from './credentials.ts';
import { REQUEST_FORMAT, type RequestFormat } from './parse-training-request.ts';
import type { SchemaShape } from './schema-shape.ts';
import type { TrainingRequest } from './training-request.ts';

type Json = Readonly<Record<string, unknown>>;
export type JsonPath = readonly (string | number)[];

/** A request as it was sent, for a rerun, with its credentials apart from the rest. */
export interface KeptRequest {
  /** Without `callbacks`. A mark stands where something was withheld, so that it may be shown. */
  readonly body: Json;
  /** Where in the body something was withheld. */
  readonly withheld: readonly JsonPath[];
  /** What was, in the same order; undefined once it was purged. */
  readonly values?: readonly unknown[];
}

/** As much as a request may take with its defaults; beyond lie only fields that nobody reads. */
const MAX_KEPT_BYTES = 96 * 1024;

/**
 * Takes out of a body what may be secret: marked fields, texts under names that secrets have, URLs
 * with user info or a query, and whatever repeats one of these. `request` is the same, parsed.
 * Undefined where it is too large to be kept beside the plan.
 */
export function keepRequest(
  { callbacks: _callbacks, ...body }: Json,
  request: TrainingRequest,
  { shape, credentials }: Pick<RequestFormat, 'shape' | 'credentials'> = REQUEST_FORMAT,
): KeptRequest | undefined {
  if (jsonBytes(body) > MAX_KEPT_BYTES) return undefined;
  const isSecret = createSecretTest(request, { fields: credentials });
  const withheld: JsonPath[] = [];
  const values: unknown[] = [];
  const kept = withhold(body, shape, [], {
    isSecret,
    take: (value, path) => {
      withheld.push(path);
      values.push(value);
      return REDACTED;
    },
  });
  return { body: kept as Json, withheld, values };
}

interface Withholding {
  readonly isSecret: (text: string) => boolean;
  /** Returns what stands in its place. */
  readonly take: (value: unknown, path: JsonPath) => unknown;
}

/**
 * A copy of `value` in which `take` stands in for all that may be secret: by its mark, by its name,
 * as a word of a command line, or by `isSecret`.
 */
export function withhold(
  value: unknown,
  shape: SchemaShape | undefined,
  path: JsonPath,
  how: Withholding,
): unknown {
  if (typeof value === 'string') return how.isSecret(value) ? how.take(value, path) : value;
  if (Array.isArray(value)) {
    return value.map((item, index) => {
      const place = [...path, index];
      const isWord = typeof item === 'string' && isCredentialWord(item, value[index - 1]);
      return isWord ? how.take(item, place) : withhold(item, shape?.element, place, how);
    });
  }
  if (typeof value !== 'object' || value === null) return value;
  return mapFields(value, (child, key) => {
    const known = shape?.fields.get(key);
    const place = [...path, key];
    if (known?.credential !== undefined) return withholdMarked(child, place, how);
    const isNamed = typeof child === 'string' && child !== '' && isCredentialName(key);
    return isNamed ? how.take(child, place) : withhold(child, known, place, how);
  });
}

/** The names of variables stay, in a map and in a list, and what refers to another Secret. */
function withholdMarked(value: unknown, path: JsonPath, how: Withholding): unknown {
  if (value === null || value === '') return value;
  if (typeof value !== 'object') return how.take(value, path);
  if (Array.isArray(value)) {
    return value.map((item, index) => withholdMarked(item, [...path, index], how));
  }
  const isListed = typeof path.at(-1) === 'number';
  return mapFields(value, (child, key) => {
    const isReference = typeof child === 'object' && child !== null;
    const isKept = isListed ? key === 'name' || key === 'valueFrom' : isReference;
    if (isKept || child === null || child === '') return child;
    return how.take(child, [...path, key]);
  });
}

function mapFields(value: object, map: (child: unknown, key: string) => unknown): Json {
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, map(child, key)]));
}
