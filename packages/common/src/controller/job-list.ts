import { createHash } from 'node:crypto';
import { errors } from '../errors.ts';
import type { JobTraits } from '../jobs/job-traits.ts';
import type { JobListQuery } from '../requests/job-list.ts';
import { JOB_STATUSES, type JobStatus } from '../requests/job-status.ts';
import type { IndexedJob } from './job-index.ts';
import { comparePlaces, type Place, readCursor, writeCursor } from './list-place.ts';

type Filters = Omit<JobListQuery, 'limit' | 'cursor'>;

export interface JobPage {
  readonly jobs: readonly IndexedJob[];
  readonly nextCursor: string | undefined;
  readonly counts: Readonly<Record<JobStatus, number>>;
}

/**
 * The newest jobs that match, after the cursor's place. Looks at each job once and keeps no more
 * than a page. Of a job that reruns are asked of, and that is there, `parentSinceMs` says since when:
 * what is older was made of an earlier job of that id.
 * @throws TrainerError INVALID_REQUEST for a cursor that belongs to other filters.
 */
export function pickJobPage(
  jobs: Iterable<IndexedJob>,
  query: JobListQuery,
  parentSinceMs?: number,
): JobPage {
  const { limit, cursor, ...filters } = query;
  const key = toFilterKey(filters);
  const after = cursor === undefined ? undefined : parseCursor(cursor, key);
  const isWanted = createFilter(filters, parentSinceMs);
  const statuses = filters.status === undefined ? undefined : new Set(filters.status);
  const counts = Object.fromEntries(JOB_STATUSES.map((status) => [status, 0])) as Record<
    JobStatus,
    number
  >;
  const page: IndexedJob[] = [];
  let hasMore = false;
  for (const job of jobs) {
    if (!isWanted(job)) continue;
    counts[job.status] += 1;
    if (statuses?.has(job.status) === false) continue;
    if (after !== undefined && comparePlaces(toPlace(job), after) <= 0) continue;
    hasMore = insert(page, job, limit) || hasMore;
  }
  const last = page.at(-1);
  const nextCursor = hasMore && last ? writeCursor(toPlace(last), key) : undefined;
  return { jobs: page, nextCursor, counts };
}

function createFilter(
  { reason, phase, backend_job_id: name, ...filters }: Filters,
  parentSinceMs = Number.NEGATIVE_INFINITY,
) {
  const { model, method, provider, label, rerun_of: parent, ...times } = filters;
  const hasTraits = createTraitsFilter({ model, method, provider, label });
  const [afterMs, beforeMs] = [times.created_after, times.created_before].map((time) =>
    time === undefined ? undefined : Date.parse(time),
  );
  return (job: IndexedJob): boolean =>
    (reason === undefined || job.reason === reason) &&
    (name === undefined || job.name === name) &&
    (parent === undefined || (job.rerunOf === parent && job.atMs >= parentSinceMs)) &&
    (afterMs === undefined || job.atMs > afterMs) &&
    (beforeMs === undefined || job.atMs < beforeMs) &&
    (phase === undefined || job.phase === phase) &&
    hasTraits(job.traits);
}

/** Looks at traits that many jobs share but once. */
function createTraitsFilter({
  model,
  method,
  provider,
  label = {},
}: Pick<Filters, 'model' | 'method' | 'provider' | 'label'>) {
  const labels = Object.entries(label);
  if ([model, method, provider, ...labels].every((wanted) => wanted === undefined)) {
    return () => true;
  }
  const known = new Map<JobTraits | undefined, boolean>();
  return (traits: JobTraits | undefined): boolean => {
    let isWanted = known.get(traits);
    if (isWanted === undefined) {
      isWanted =
        (model === undefined || traits?.model === model) &&
        (method === undefined || traits?.method === method) &&
        (provider === undefined || traits?.provider === provider) &&
        labels.every(([key, value]) => traits?.labels[key] === value);
      known.set(traits, isWanted);
    }
    return isWanted;
  };
}

/** Whether that left out a job, the new one or the oldest of the page. */
function insert(page: IndexedJob[], job: IndexedJob, limit: number): boolean {
  const place = toPlace(job);
  const last = page.at(-1);
  if (page.length === limit && last && comparePlaces(place, toPlace(last)) > 0) return true;
  let [low, high] = [0, page.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = page[middle];
    if (other && comparePlaces(toPlace(other), place) < 0) low = middle + 1;
    else high = middle;
  }
  page.splice(low, 0, job);
  if (page.length <= limit) return false;
  page.pop();
  return true;
}

function toPlace({ atMs, id }: IndexedJob): Place {
  return { atMs, name: id };
}

function toFilterKey({ label = {}, ...filters }: Filters): string {
  const labels = Object.entries(label).map(([key, value]) => `${key}=${value}`);
  const given = Object.entries({ ...filters, ...(labels.length > 0 && { label: labels }) }).filter(
    ([, value]) => value !== undefined,
  );
  const parts = given.map(([name, value]) => [name, [value].flat().toSorted()]).sort();
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 12);
}

function parseCursor(cursor: string, filter: string): Place {
  const place = readCursor(cursor, filter);
  if (place !== undefined) return place;
  throw errors.invalid([
    { path: 'cursor', message: 'cursor must be the next_cursor of an answer to the same filters.' },
  ]);
}
