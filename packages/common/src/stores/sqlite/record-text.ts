import type { JobRecord } from '../../jobs/job.ts';
import { parsePrivateJson } from '../../private-json.ts';

/** The part of a record that is in its one column of JSON. */
export function writeRecord({ uid: _uid, version: _version, ...record }: JobRecord): string {
  // A record holds no null, so null stands for undefined, which JSON would drop.
  return JSON.stringify(record, (_key, value: unknown) => (value === undefined ? null : value));
}

/** The record of a row that `writeRecord` made. */
export function readRecord(text: string, uid: string, version: number): JobRecord {
  const record = withUndefined(parsePrivateJson(text, 'a record')) as Omit<
    JobRecord,
    'uid' | 'version'
  >;
  return { ...record, uid, version: String(version) };
}

function withUndefined(value: unknown): unknown {
  if (value === null) return undefined;
  if (Array.isArray(value)) return value.map(withUndefined);
  if (typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key, withUndefined(child)]),
  );
}
