import type { FollowedEvent } from '@trainer/client';
import type { ListFilters } from './list-filters.ts';
import type { OwnedRow, ShownList } from './merge-lists.ts';
import { toRowKey } from './steady-rows.ts';

/** What streams have told of one job since a list was read. */
interface JobChange {
  /** The number of the newest event of it that was taken in. */
  readonly order: number;
  /** Its newest stored event; 0 where there was none. */
  readonly revision: number;
  readonly isCreated: boolean;
  readonly isGone: boolean;
  readonly fields: Partial<OwnedRow>;
  readonly times: Partial<OwnedRow['timestamps']>;
}

/** A list that was read, with what has happened since. */
export interface LiveList extends Pick<ShownList, 'rows' | 'counts'> {
  /** Jobs that are newer than all of it and match its filters. */
  readonly createdCount: number;
  /** Whether something happened that only another reading can show. */
  readonly isStale: boolean;
}

const NONE: JobChange = {
  order: 0,
  revision: 0,
  isCreated: false,
  isGone: false,
  fields: {},
  times: {},
};
const ENDS = new Set<unknown>(['succeeded', 'failed', 'cancelled']);

/** Brings a list up to date by what happens to its jobs, without reading it again. */
export class LiveChanges {
  readonly #changes = new Map<string, JobChange>();
  #order = 0;

  /** The number of the newest event that was taken in. */
  get order(): number {
    return this.#order;
  }

  /** Takes in what a service has told, in that order. */
  take(service: string, events: readonly FollowedEvent[]): void {
    for (const event of events) {
      this.#order += 1;
      const key = toRowKey({ service, job_id: event.job_id });
      const change = toChange(this.#changes.get(key) ?? NONE, event);
      this.#changes.set(key, { ...change, order: this.#order });
    }
  }

  /** Forgets what a list says itself whose reading began after the event of that number. */
  settle(rows: readonly OwnedRow[], beganAfter: number): void {
    const listed = new Map(rows.map((row) => [toRowKey(row), row.revision ?? 0]));
    for (const [key, { order, revision, isGone }] of this.#changes) {
      const read = listed.get(key);
      // The replica that was asked may lag behind the one that tells.
      const isSaid = read === undefined ? order <= beganAfter : read >= revision && !isGone;
      if (isSaid || (isGone && order <= beganAfter)) this.#changes.delete(key);
    }
  }

  /** The list as it would be read now, as far as that is known. */
  applyTo({ rows, counts }: Pick<ShownList, 'rows' | 'counts'>, filters: ListFilters): LiveList {
    const live = { rows: [] as OwnedRow[], counts: { ...counts }, createdCount: 0, isStale: false };
    const count = (status: string | undefined, by: number) => {
      if (status !== undefined) live.counts[status] = (live.counts[status] ?? 0) + by;
    };
    const isWanted = (status: unknown) =>
      filters.statuses.length === 0 || filters.statuses.some((wanted) => wanted === status);
    const listed = new Set(rows.map(toRowKey));
    const isNarrowed = filters.fields.length > 0;
    for (const row of rows) {
      const change = this.#changes.get(toRowKey(row));
      const now = change === undefined ? row : patch(row, change);
      live.isStale ||= isNarrowed && (now?.phase !== row.phase || now?.reason !== row.reason);
      count(row.status, -1);
      count(now?.status, 1);
      if (now !== undefined && isWanted(now.status)) live.rows.push(now);
      else live.isStale = true;
    }
    for (const [key, { isCreated, isGone, fields }] of this.#changes) {
      if (listed.has(key)) continue;
      // Whether a new one matches further filters, only the service knows.
      if (!isCreated || isNarrowed) {
        const isMoved = fields.status !== undefined || (isNarrowed && fields.phase !== undefined);
        live.isStale ||= isGone || isMoved;
        continue;
      }
      count(fields.status, 1);
      if (isWanted(fields.status)) live.createdCount += 1;
    }
    return live;
  }
}

function toChange(before: JobChange, event: FollowedEvent): JobChange {
  const { id, type, message, time } = event;
  const data: Readonly<Record<string, unknown>> = event.data;
  if (type === 'job.progress') {
    return { ...before, fields: { ...before.fields, progress: data as OwnedRow['progress'] } };
  }
  if (type === 'job.gone') return { ...NONE, isGone: true };
  if (id === undefined) return before;
  const { isGone } = before;
  const { fields, times, isCreated } = id === 1 ? { ...NONE, isCreated: true } : before;
  const change = { ...before, isGone, isCreated, revision: id, fields, times };
  if (type === 'job.phase')
    return { ...change, fields: { ...fields, phase: data.phase as OwnedRow['phase'] } };
  if (type === 'job.delivery') {
    const delivery = (data.settled ?? 'pending') as NonNullable<OwnedRow['delivery']>;
    return { ...change, fields: { ...fields, delivery } };
  }
  if (type !== 'job.state') return change;
  const [status, reason] = [String(data.status), String(data.reason)];
  const state = { status, reason, detail: message, phase: toPhase(status, reason) };
  return {
    ...change,
    fields: { ...fields, ...state },
    times: {
      ...times,
      updated_at: time,
      ...(status === 'running' && times.started_at === undefined && { started_at: time }),
      ...(ENDS.has(status) && { ended_at: time }),
    },
  };
}

/** The row as it is by now; undefined where its job is gone. */
function patch(
  row: OwnedRow,
  { isGone, revision, fields, times }: JobChange,
): OwnedRow | undefined {
  if (isGone) return undefined;
  if (revision <= (row.revision ?? 0)) {
    return fields.progress === undefined ? row : { ...row, progress: fields.progress };
  }
  const started_at = row.timestamps.started_at ?? times.started_at ?? null;
  return { ...row, ...fields, revision, timestamps: { ...row.timestamps, ...times, started_at } };
}

/** As the list says it, until the training itself says more. */
function toPhase(status: string, reason: string): OwnedRow['phase'] {
  if (ENDS.has(status)) return null;
  if (reason === 'INITIALIZING') return 'downloading';
  return status === 'submitted' || reason === 'PREEMPTED' ? 'queued' : 'training';
}
