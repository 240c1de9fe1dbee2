import { fitsBytes } from '../json-bytes.ts';
import { toJsonText } from '../to-json-text.ts';
import { isCredentialName } from './credential-names.ts';
import { isCredentialWord } from './credential-words.ts';
import { REDACTED, type SecretTest } from './credentials.ts';
import type { SchemaShape } from './schema-shape.ts';

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
 * with user info or a query, and whatever repeats one of these, as `holdsSecret` says of texts.
 * Undefined where it is too large to be kept beside the plan. The body itself is not changed.
 */
export function keepRequest(
  { callbacks: _callbacks, ...body }: Json,
  shape: SchemaShape,
  holdsSecret: SecretTest,
): KeptRequest | undefined {
  const withholding = new Withholding(holdsSecret);
  const { withheld, values } = withholding;
  const kept = { body: withholding.withhold(body, shape) as Json, withheld, values };
  const text = values.length === 0 ? writeKept(kept) : writeKept(kept) + JSON.stringify(values);
  return fitsBytes(text, MAX_KEPT_BYTES) ? kept : undefined;
}

/** The JSON of a kept request without the values that it withholds, which stores keep apart. */
export function writeKept({ body, withheld }: KeptRequest): string {
  return `{"body":${toJsonText(body)},"withheld":${JSON.stringify(withheld)}}`;
}

/** What a mapped member is where it is to be taken. */
const TAKEN = Symbol('taken');

/**
 * One way through a body. What holds nothing secret is not copied, as nearly all, and a place is
 * written down only where something is taken.
 */
class Withholding {
  readonly withheld: JsonPath[] = [];
  readonly values: unknown[] = [];
  readonly #holdsSecret: SecretTest;
  /** Where it is now. */
  readonly #path: (string | number)[] = [];

  constructor(holdsSecret: SecretTest) {
    this.#holdsSecret = holdsSecret;
  }

  /** `value` with a mark for all that may be secret: by its mark, by its name, as a word of a command line, or as what repeats such. */
  withhold(value: unknown, shape: SchemaShape | undefined): unknown {
    if (typeof value === 'string') return this.#holdsSecret(value) ? TAKEN : value;
    if (!isObject(value)) return value;
    if (Array.isArray(value)) {
      return this.#map(value, (item, index) =>
        typeof item === 'string' && isCredentialWord(item, value[Number(index) - 1])
          ? TAKEN
          : this.withhold(item, shape?.element),
      );
    }
    return this.#map(value, (child, key) => {
      const known = shape?.fields.get(String(key));
      if (known?.credential !== undefined) return this.#withholdMarked(child);
      const isNamed = typeof child === 'string' && child !== '' && isCredentialName(String(key));
      return isNamed ? TAKEN : this.withhold(child, known);
    });
  }

  /** The names of variables stay, in a map and in a list, and what refers to another Secret. */
  #withholdMarked(value: unknown): unknown {
    if (value === null || value === '') return value;
    if (!isObject(value)) return TAKEN;
    if (Array.isArray(value)) return this.#map(value, (item) => this.#withholdMarked(item));
    const isListed = typeof this.#path.at(-1) === 'number';
    return this.#map(value, (child, key) => {
      const isKept = isListed ? key === 'name' || key === 'valueFrom' : isObject(child);
      return isKept || child === null || child === '' ? child : TAKEN;
    });
  }

  /** The list or object with what `map` makes of its members, itself where that is the same. */
  #map(whole: object, map: (child: unknown, key: string | number) => unknown): object {
    const isList = Array.isArray(whole);
    let copy: Record<string | number, unknown> | undefined;
    for (const name of Object.keys(whole)) {
      const key = isList ? Number(name) : name;
      const child = (whole as Json)[name];
      const isWhole = isObject(child);
      if (isWhole) this.#path.push(key);
      const mapped = map(child, key);
      if (isWhole) this.#path.pop();
      if (mapped === child) continue;
      copy ??= (isList ? [...whole] : { ...whole }) as Record<string | number, unknown>;
      copy[key] = mapped === TAKEN ? this.#take(child, key) : mapped;
    }
    return copy ?? whole;
  }

  #take(value: unknown, key: string | number): string {
    this.withheld.push([...this.#path, key]);
    this.values.push(value);
    return REDACTED;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
