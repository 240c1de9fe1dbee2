import { hash } from 'node:crypto';
import { isCredentialName } from './credential-names.ts';
import { withoutCredentialWords } from './credential-words.ts';
import { toObjectAddresses, toSaltedDigest } from './object-address.ts';
import { REQUEST_FORMAT } from './parse-training-request.ts';
import type { SchemaShape } from './schema-shape.ts';

/** What makes one rerun the same as another. */
export interface AskedRerun {
  /** The ended job. */
  readonly parentId: string;
  readonly jobId: string;
  readonly from: string;
  readonly changes: Readonly<Record<string, unknown>>;
}

/**
 * By what a repeated rerun is known again: what was asked, without credentials, as for submissions.
 * Of what the ended job was nothing counts, since that may be purged or forgotten by then.
 */
export function toRerunFingerprint(
  { parentId, jobId, from, changes }: AskedRerun,
  shape: SchemaShape = REQUEST_FORMAT.shape,
): string {
  const asked = [parentId, from, toComparable(changes, shape, jobId)];
  return hash('sha256', JSON.stringify(asked), 'base64url');
}

/** Keys sorted; null stays, since it takes something away. */
function toComparable(value: unknown, shape: SchemaShape | undefined, salt: string): unknown {
  if (typeof value === 'string') return toObjectAddresses(value, salt);
  if (Array.isArray(value)) {
    const isOfTexts = value.every((item) => typeof item === 'string');
    const items = isOfTexts ? withoutCredentialWords(value) : value;
    return items.map((item) => toComparable(item, shape?.element, salt));
  }
  if (typeof value !== 'object' || value === null) return value;
  return toSortedEntries(value, (child, key) => {
    const known = shape?.fields.get(key);
    if (known?.credential !== undefined) return toNames(child, salt);
    const isNamed = typeof child === 'string' && isCredentialName(key);
    return isNamed ? '' : toComparable(child, known, salt);
  });
}

/** Of a credential that it is given; of variables their names, and values where they are no credential's. */
function toNames(value: unknown, salt: string): unknown {
  if (typeof value !== 'object' || value === null) return value === null ? null : '';
  const variables = Array.isArray(value)
    ? Object.fromEntries(value.map((each) => [String(each?.name), each?.value ?? each?.valueFrom]))
    : value;
  return toSortedEntries(variables, (child, name) => {
    if (child === null || isCredentialName(name)) return child === null ? null : '';
    return toSaltedDigest(JSON.stringify(child) ?? '', `${salt}\0${name}`);
  });
}

function toSortedEntries(value: object, map: (child: unknown, key: string) => unknown): unknown {
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return entries.map(([key, child]) => [key, map(child, key)]);
}
