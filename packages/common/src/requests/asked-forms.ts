import { findDifferences, toAsked, toFingerprint } from './canonical-request.ts';
import { toFirstForm } from './first-canonical-form.ts';
import type { SchemaShape } from './schema-shape.ts';
import type { TrainingRequest } from './training-request.ts';

type Json = Readonly<Record<string, unknown>>;

/** What was asked, canonical and without credentials, in both forms that replicas compare. */
export interface AskedForms {
  /** The form of the first release. */
  readonly first: Json;
  /** The form that decides; undefined in what the first release kept. */
  readonly second: Json | undefined;
}

/** What a record keeps to know a repeated request again. */
export interface Fingerprints {
  /** Of the first form: replicas of the first release compare it alone. */
  readonly fingerprint: string;
  /** Of the second form; undefined in records of the first release. */
  readonly fingerprint2: string | undefined;
}

/** Both forms of a request. */
export function toAskedForms(
  body: Json,
  request: TrainingRequest,
  shape?: SchemaShape,
): AskedForms {
  return { first: toFirstForm(body, request), second: toAsked(body, request, shape) };
}

/** The fingerprints of a new record. */
export function toFingerprints({ first, second }: AskedForms): Fingerprints {
  return { fingerprint: toFingerprint(first), fingerprint2: second && toFingerprint(second) };
}

/** Whether a request repeats the one that a record was made of. */
export function isRepeated(record: Fingerprints, { first, second }: AskedForms): boolean {
  if (record.fingerprint2 === undefined || second === undefined) {
    return record.fingerprint === toFingerprint(first);
  }
  return record.fingerprint2 === toFingerprint(second);
}

/** Where a request differs from the one that was kept, as paths. */
export function nameDifferences(kept: AskedForms, asked: AskedForms): string[] {
  if (kept.second === undefined || asked.second === undefined) {
    return findDifferences(kept.first, asked.first);
  }
  return findDifferences(kept.second, asked.second);
}
