import { isTerminal, type JobRecord } from '../jobs/job.ts';
import { toJobSummary } from '../jobs/job-summary.ts';
import type { JobView } from '../jobs/observation.ts';
import { fitsBytes } from '../json-bytes.ts';
import type { JobStatus } from '../requests/job-status.ts';
import type { CallbackEvent } from '../requests/training-response.ts';
import { toProgressText } from './progress-text.ts';

/** Updates report a job that goes on; the final event reports how it ended. */
export type EventKind = 'update' | 'final';

/** One event as it goes over the wire; its attempts all send these bytes. */
export interface EncodedEvent {
  readonly kind: EventKind;
  /** The `webhook-id`: the same for every attempt, whichever process makes it. */
  readonly id: string;
  readonly body: string;
}

export interface UpdateEventOptions {
  readonly sequence: number;
  /** Distinguishes the events of two processes, whatever their numbers. */
  readonly processId: string;
  readonly nowMs: number;
  /** What is sent for `submitted`. */
  readonly submittedAs: CallbackEvent['status'];
}

/** Receivers cap bodies. */
const MAX_BODY_BYTES = 8 * 1024;
const MAX_DETAIL_LENGTH = 1000;
/** Fits in any case: a character takes six bytes at most, and the event holds it twice. */
const SHORT_DETAIL_LENGTH = 500;

/** A final event comes after everything, and every process gives it the same number. */
export const FINAL_SEQUENCE = Number.MAX_SAFE_INTEGER;

export function toEventKind(status: JobStatus): EventKind {
  return isTerminal(status) ? 'final' : 'update';
}

/** The event with a job's state at `nowMs`, and its progress. */
export function encodeUpdateEvent(view: JobView, options: UpdateEventOptions): EncodedEvent {
  const { sequence, processId, nowMs, submittedAs } = options;
  const summary = toJobSummary(view);
  const detail = summary.detail.slice(0, MAX_DETAIL_LENGTH);
  const event: CallbackEvent = {
    ...summary,
    status: summary.status === 'submitted' ? submittedAs : summary.status,
    detail,
    log: detail + toProgressText(view.progress),
    timestamp: nowMs / 1000,
    sequence,
  };
  return {
    kind: 'update',
    id: `msg_${view.record.uid}_${sequence}_${processId}`,
    body: encodeWithin(MAX_BODY_BYTES, event),
  };
}

/** The event with a job's end: the same id and bytes whoever builds it, and whenever. */
export function encodeFinalEvent(record: JobRecord): EncodedEvent {
  const { state, uid } = record;
  const detail = state.detail.slice(0, MAX_DETAIL_LENGTH);
  const event: CallbackEvent = {
    ...toJobSummary({ record, state, progress: undefined }),
    ...(record.result !== undefined && { result: record.result }),
    detail,
    log: detail,
    timestamp: state.observedAtMs / 1000,
    sequence: FINAL_SEQUENCE,
  };
  return {
    kind: 'final',
    id: `msg_${uid}_${state.status}`,
    body: encodeWithin(MAX_BODY_BYTES, event),
  };
}

/** Leaves out the progress, then most of the detail, when an event would be too large. */
function encodeWithin(maxBytes: number, event: CallbackEvent): string {
  const fits = (body: string) => fitsBytes(body, maxBytes);
  const whole = JSON.stringify(event);
  if (fits(whole)) return whole;
  const withoutProgress = JSON.stringify({ ...event, progress: null });
  if (fits(withoutProgress)) return withoutProgress;
  const detail = event.detail.slice(0, SHORT_DETAIL_LENGTH);
  return JSON.stringify({ ...event, progress: null, detail, log: detail });
}
