import type { JobRow } from './job-list.ts';

/** Rows as they are shown, and how many newer ones wait to be. */
export interface SteadyRows {
  readonly rows: readonly JobRow[];
  readonly newCount: number;
}

/**
 * Brings what is shown up to date without moving it: jobs keep their place, and new ones are only
 * counted until somebody asks for them. A row that the newest answer lacks stays while new jobs
 * may have pushed it out, and goes when it only left the filter.
 */
export function keepSteady(shown: readonly JobRow[], newest: readonly JobRow[]): SteadyRows {
  const known = new Map(newest.map((row) => [row.job_id, row]));
  const ids = new Set(shown.map(({ job_id }) => job_id));
  const newCount = newest.findIndex(({ job_id }) => ids.has(job_id));
  const count = shown.length === 0 || newCount === -1 ? newest.length : newCount;
  const rows = shown.flatMap((row) => {
    const fresh = known.get(row.job_id);
    if (fresh !== undefined) return [fresh];
    return count > 0 ? [row] : [];
  });
  // What stands behind the last one shown moves nothing.
  const behind = count > 0 ? [] : newest.filter(({ job_id }) => !ids.has(job_id));
  return { rows: [...rows, ...behind], newCount: count };
}
