import { createHash } from 'node:crypto';
import { errors } from '../errors.ts';
import { toTrainingPart } from '../jobs/job-summary.ts';
import type { JobView } from '../jobs/observation.ts';
import type { JobListQuery } from '../requests/job-list.ts';
import { JOB_STATUSES, type JobStatus } from '../requests/job-status.ts';
import { comparePlaces, type Place, readCursor, writeCursor } from './list-place.ts';

type Filters = Omit<JobListQuery, 'limit' | 'cursor'>;

export interface JobPage {
  readonly views: readonly JobView[];
  readonly nextCursor: string | undefined;
  readonly counts: Readonly<Record<JobStatus, number>>;
}

/**
 * The newest jobs that match, after the cursor's place. Looks at each job once and keeps no more
 * than a page.
 * @throws TrainerError INVALID_REQUEST for a cursor that belongs to other filters.
 */
export function pickJobPage(views: Iterable<JobView>, query: JobListQuery): JobPage {
  const { limit, cursor, ...filters } = query;
  const key = toFilterKey(filters);
  const after = cursor === undefined ? undefined : parseCursor(cursor, key);
  const isWanted = createFilter(filters);
  const statuses = filters.status === undefined ? undefined : new Set(filters.status);
  const counts = Object.fromEntries(JOB_STATUSES.map((status) => [status, 0])) as Record<
    JobStatus,
    number
  >;
  const page: JobView[] = [];
  let hasMore = false;
  for (const view of views) {
    if (!isWanted(view)) continue;
    counts[view.state.status] += 1;
    if (statuses?.has(view.state.status) === false) continue;
    if (after !== undefined && comparePlaces(toPlace(view), after) <= 0) continue;
    hasMore = insert(page, view, limit) || hasMore;
  }
  const last = page.at(-1);
  const nextCursor = hasMore && last ? writeCursor(toPlace(last), key) : undefined;
  return { views: page, nextCursor, counts };
}

function createFilter({ reason, phase, backend_job_id: name, ...filters }: Filters) {
  const { model, method, provider, label, rerun_of: parent, ...times } = filters;
  const labels = Object.entries(label ?? {});
  const [afterMs, beforeMs] = [times.created_after, times.created_before].map((time) =>
    time === undefined ? undefined : Date.parse(time),
  );
  return (view: JobView): boolean => {
    const { record, state } = view;
    const { traits } = record;
    return (
      (reason === undefined || state.reason === reason) &&
      (name === undefined || record.name === name) &&
      (model === undefined || traits?.model === model) &&
      (method === undefined || traits?.method === method) &&
      (provider === undefined || traits?.provider === provider) &&
      (parent === undefined || record.rerunOf?.jobId === parent) &&
      labels.every(([key, value]) => traits?.labels[key] === value) &&
      (afterMs === undefined || record.createdAtMs > afterMs) &&
      (beforeMs === undefined || record.createdAtMs < beforeMs) &&
      (phase === undefined || toTrainingPart(view).phase === phase)
    );
  };
}

/** Whether that left out a job, the new one or the oldest of the page. */
function insert(page: JobView[], view: JobView, limit: number): boolean {
  const place = toPlace(view);
  const last = page.at(-1);
  if (page.length === limit && last && comparePlaces(place, toPlace(last)) > 0) return true;
  let [low, high] = [0, page.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = page[middle];
    if (other && comparePlaces(toPlace(other), place) < 0) low = middle + 1;
    else high = middle;
  }
  page.splice(low, 0, view);
  if (page.length <= limit) return false;
  page.pop();
  return true;
}

function toPlace({ record }: JobView): Place {
  return { atMs: record.createdAtMs, name: record.id };
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
