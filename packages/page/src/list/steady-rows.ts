import type { OwnedRow } from './merge-lists.ts';

/** Rows as they are shown, and how many newer ones wait to be. */
export interface SteadyRows {
  readonly rows: readonly OwnedRow[];
  readonly newCount: number;
}

/**
 * Brings what is shown up to date without moving it: jobs keep their place, and new ones are only
 * counted until somebody asks for them. A row that the newest answer lacks goes, whether it left
 * the filter or new jobs pushed it out: nothing tells any more what becomes of it.
 */
export function keepSteady(shown: readonly OwnedRow[], newest: readonly OwnedRow[]): SteadyRows {
  if (shown.length === 0) return { rows: [], newCount: newest.length };
  const known = new Map(newest.map((row) => [toRowKey(row), row]));
  const rows = shown.flatMap((row) => known.get(toRowKey(row)) ?? []);
  // There is nothing left that could move.
  if (rows.length === 0) return { rows: newest, newCount: 0 };
  const keys = new Set(rows.map(toRowKey));
  const isKnown = (row: OwnedRow) => keys.has(toRowKey(row));
  const last = newest.findLastIndex(isKnown);
  const areNewer = newest.findIndex(isKnown) > 0;
  // What stands behind the last one shown moves nothing.
  const added = newest.filter((row, index) => !isKnown(row) && (index > last || !areNewer));
  const all = [...rows, ...added];
  return { rows: all, newCount: newest.length - all.length };
}

/** Two services may each have a job of one id. */
export function toRowKey({ service, job_id }: Pick<OwnedRow, 'service' | 'job_id'>): string {
  return `${service} ${job_id}`;
}
