import type { OwnedRow } from './merge-lists.ts';

/** Rows as they are shown, and how many newer ones wait to be. */
export interface SteadyRows {
  readonly rows: readonly OwnedRow[];
  readonly newCount: number;
}

/**
 * Brings what is shown up to date without moving it: jobs keep their place, and new ones are only
 * counted until somebody asks for them. A row that the newest answer lacks stays while new jobs
 * may have pushed it out, and goes when it only left the filter.
 */
export function keepSteady(shown: readonly OwnedRow[], newest: readonly OwnedRow[]): SteadyRows {
  const known = new Map(newest.map((row) => [toRowKey(row), row]));
  const keys = new Set(shown.map(toRowKey));
  const newCount = newest.findIndex((row) => keys.has(toRowKey(row)));
  const count = shown.length === 0 || newCount === -1 ? newest.length : newCount;
  const rows = shown.flatMap((row) => {
    const fresh = known.get(toRowKey(row));
    if (fresh !== undefined) return [fresh];
    return count > 0 ? [row] : [];
  });
  // What stands behind the last one shown moves nothing.
  const behind = count > 0 ? [] : newest.filter((row) => !keys.has(toRowKey(row)));
  return { rows: [...rows, ...behind], newCount: count };
}

/** Two services may each have a job of one id. */
export function toRowKey({ service, job_id }: Pick<OwnedRow, 'service' | 'job_id'>): string {
  return `${service} ${job_id}`;
}
