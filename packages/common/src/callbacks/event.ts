import { isTerminal } from '../jobs/job.ts';
import { toJobSummary } from '../jobs/job-summary.ts';
import type { JobView } from '../jobs/observation.ts';
import type { CallbackEvent } from '../requests/training-response.ts';

/** One event as it goes over the wire; its attempts all send these bytes. */
export interface EncodedEvent {
  /** The `webhook-id`: the same for every attempt, whichever process makes it. */
  readonly id: string;
  readonly body: string;
}

/** Receivers cap bodies. */
const MAX_BODY_BYTES = 8 * 1024;
const MAX_DETAIL_LENGTH = 1000;
/** Fits in any case: a character takes six bytes at most, and it is told twice. */
const SHORT_DETAIL_LENGTH = 500;
/** Leaves room for a hundred million events of one job in each term. */
const EVENTS_PER_TERM = 100_000_000;

/**
 * The `sequence` of a job's `count`-th event under one leader. `term` grows with every leader, so
 * this grows over the life of a job without being written anywhere.
 */
export function toSequence(term: number, count: number): number {
  return term * EVENTS_PER_TERM + count;
}

/** An end comes after everything, and every process gives it the same number. */
export const END_SEQUENCE = Number.MAX_SAFE_INTEGER;

/** Builds the event that tells a job's state. An end is the same bytes whoever builds it, and when. */
export function encodeEvent(view: JobView, sequence: number, nowMs: number): EncodedEvent {
  const { record, state } = view;
  const isEnd = isTerminal(state.status);
  const observedAtMs = isEnd ? state.observedAtMs : nowMs;
  const detail = state.detail.slice(0, MAX_DETAIL_LENGTH);
  const event: CallbackEvent = {
    ...toJobSummary(view),
    detail,
    log: detail,
    timestamp: observedAtMs / 1000,
    sequence: isEnd ? END_SEQUENCE : sequence,
    ...(isEnd && { progress: null }),
  };
  return {
    id: `msg_${record.uid}_${isEnd ? state.status : sequence}`,
    body: encodeWithin(MAX_BODY_BYTES, event),
  };
}

/** Leaves out the progress, then most of the detail, when an event would be too large. */
function encodeWithin(maxBytes: number, event: CallbackEvent): string {
  const fits = (body: string) => Buffer.byteLength(body) <= maxBytes;
  const whole = JSON.stringify(event);
  if (fits(whole)) return whole;
  const withoutProgress = JSON.stringify({ ...event, progress: null });
  if (fits(withoutProgress)) return withoutProgress;
  const detail = event.detail.slice(0, SHORT_DETAIL_LENGTH);
  return JSON.stringify({ ...event, progress: null, detail, log: detail });
}
