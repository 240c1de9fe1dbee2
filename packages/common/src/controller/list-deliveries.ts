import { errors } from '../errors.ts';
import { isTerminal, type JobRecord } from '../jobs/job.ts';
import {
  DELIVERY_STATES,
  type DeliveryStateName,
  MAX_DELIVERIES,
} from '../requests/delivery-list.ts';
import { comparePlaces, type Place, readCursor, writeCursor } from './list-place.ts';

export interface DeliveryFilter {
  /** All of them when not given. */
  readonly states?: readonly DeliveryStateName[] | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export interface DeliveryPage {
  readonly records: readonly JobRecord[];
  readonly nextCursor: string | undefined;
  readonly counts: Record<DeliveryStateName, number>;
}

/** What became of the final callback of a job; undefined where there is none to speak of yet. */
export function toDeliveryState({ state, delivery }: JobRecord): DeliveryStateName | undefined {
  const { settled } = delivery;
  if (settled === 'unwanted') return undefined;
  return settled ?? (isTerminal(state.status) ? 'pending' : undefined);
}

/**
 * One page of the final callbacks, those that ended last first. What changes between two pages moves
 * no other one; a cursor is good for the filter that it was made with.
 * @throws TrainerError INVALID_REQUEST for any other cursor
 */
export function listDeliveries(
  records: Iterable<JobRecord>,
  { states = DELIVERY_STATES, limit, cursor }: DeliveryFilter,
): DeliveryPage {
  const filter = states.toSorted().join();
  const after = cursor === undefined ? undefined : parseCursor(cursor, filter);
  const counts = { pending: 0, delivered: 0, gone: 0, expired: 0 };
  const found: JobRecord[] = [];
  for (const record of records) {
    const state = toDeliveryState(record);
    if (state === undefined) continue;
    counts[state] += 1;
    if (!states.includes(state)) continue;
    if (after === undefined || comparePlaces(after, toPlace(record)) < 0) found.push(record);
  }
  found.sort((one, other) => comparePlaces(toPlace(one), toPlace(other)));
  return { ...cutPage(found, limit, filter), counts };
}

/**
 * The final callbacks of one state that a replay sends next, those that ended first come first.
 * @throws TrainerError INVALID_REQUEST for a cursor that is not of such a replay
 */
export function listOldest(
  records: Iterable<JobRecord>,
  state: DeliveryStateName,
  cursor: string | undefined,
): Pick<DeliveryPage, 'records' | 'nextCursor'> {
  const filter = `replay ${state}`;
  const after = cursor === undefined ? undefined : parseCursor(cursor, filter);
  const found = [...records].filter(
    (record) =>
      toDeliveryState(record) === state &&
      (after === undefined || comparePlaces(after, toPlace(record)) > 0),
  );
  found.sort((one, other) => comparePlaces(toPlace(other), toPlace(one)));
  return cutPage(found, MAX_DELIVERIES, filter);
}

function cutPage(found: readonly JobRecord[], limit: number, filter: string) {
  const records = found.slice(0, limit);
  const last = records.at(-1);
  const isWhole = last === undefined || found.length <= limit;
  return { records, nextCursor: isWhole ? undefined : writeCursor(toPlace(last), filter) };
}

function toPlace({ state, name }: JobRecord): Place {
  return { atMs: state.endedAtMs ?? state.observedAtMs, name };
}

function parseCursor(cursor: string, filter: string): Place {
  const place = readCursor(cursor, filter);
  if (place !== undefined) return place;
  throw errors.invalid([
    { path: 'cursor', message: 'cursor must be next_cursor of an answer to the same query.' },
  ]);
}
