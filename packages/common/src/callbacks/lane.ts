import type { CallbackTarget, JobRecord } from '../jobs/job.ts';
import type { UnnotedAttempt } from './attempt-log.ts';
import type { EncodedEvent } from './event.ts';

/** Where the events of a lane go; `origin` is that of its URL. */
export type LaneTarget = CallbackTarget & { readonly origin: string };

/** What is kept in memory for one job with a webhook, from its first event until it is settled. */
export interface Lane {
  readonly recordUid: string;
  /** Read from the record's payload once, when there is something to send. */
  target: LaneTarget | undefined;
  /** The state that was offered last; another one is due at once. */
  offered: string;
  /** The number of the last event, under this leader. */
  eventCount: number;
  failuresInRow: number;
  /** An event on its way or waiting for its next attempt. */
  event: EncodedEvent | undefined;
  nextHeartbeatAtMs: number;
  /** Attempts at the end that the record does not know of yet. */
  unnoted: readonly UnnotedAttempt[];
  /** An attempt at the end is on its way, or is not noted yet. */
  hasOpenEnd: boolean;
}

/** What makes a record's state one that its webhook has to hear of. */
export function toOffered({ state, delivery }: JobRecord): string {
  return `${state.status} ${state.reason} ${delivery.replayedAtMs ?? ''}`;
}

export function createLane(record: JobRecord, eventCount: number): Lane {
  return {
    recordUid: record.uid,
    target: undefined,
    offered: toOffered(record),
    eventCount,
    failuresInRow: 0,
    event: undefined,
    nextHeartbeatAtMs: 0,
    unnoted: [],
    hasOpenEnd: false,
  };
}
