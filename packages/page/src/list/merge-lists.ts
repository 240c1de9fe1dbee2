import type { JobList, JobRow } from './job-list.ts';

/** A job, and the service that has it. */
export type OwnedRow = JobRow & { readonly service: string };

/** What is shown of one or more services at a time. */
export interface ShownList {
  readonly rows: readonly OwnedRow[];
  readonly counts: Readonly<Record<string, number>>;
  /** Where the older ones begin; undefined where there are none. */
  readonly older: string | undefined;
}

/** The jobs of one service's list. */
export function toOwnedRows(service: string, { data }: Pick<JobList, 'data'>): OwnedRow[] {
  return data.map((row) => ({ ...row, service }));
}

/**
 * One page of several services' newest jobs, some `size` rows long, and the time before which the
 * next one begins. Rows of one moment stay on one page, since that time tells no two of them apart.
 */
export function mergeLists(
  lists: Readonly<Record<string, JobList>>,
  size: number,
): Pick<ShownList, 'rows' | 'older'> {
  const all = Object.entries(lists).flatMap(([service, list]) => toOwnedRows(service, list));
  const rows = all.toSorted((one, other) => timeOf(other) - timeOf(one));
  // What a service has not told yet may be as new as the last job that it told.
  const untold = Object.values(lists)
    .filter(({ has_more }) => has_more)
    .map(({ data }) => timeOf(data.at(-1)));
  const horizon = Math.max(Number.NEGATIVE_INFINITY, ...untold);
  const certain = rows.filter((row) => timeOf(row) > horizon);
  // A whole page of one moment, which is all that there is to show.
  const known = certain.length === 0 ? rows.filter((row) => timeOf(row) >= horizon) : certain;
  const end = timeOf(known[Math.min(size, known.length) - 1]);
  const page = known.filter((row) => timeOf(row) >= end);
  const hasOlder = untold.length > 0 || page.length < rows.length;
  return {
    rows: page,
    older: hasOlder ? (page.at(-1)?.timestamps.created_at ?? undefined) : undefined,
  };
}

/** The counts of several services together. */
export function addCounts(lists: readonly Pick<JobList, 'counts'>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { counts } of lists) {
    for (const [status, count] of Object.entries(counts)) {
      sums[status] = (sums[status] ?? 0) + count;
    }
  }
  return sums;
}

function timeOf(row: JobRow | undefined): number {
  return Date.parse(row?.timestamps.created_at ?? '');
}
