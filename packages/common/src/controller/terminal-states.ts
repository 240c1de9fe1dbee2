import type { JobRecord, JobState } from '../jobs/job.ts';
import { isRunOf, type Observation, type SeenRun } from '../jobs/observation.ts';

/** The end that the run reached without being stopped. */
export function toObservedEnd(record: JobRecord, seen: SeenRun, nowMs: number): JobState {
  return {
    status: seen.status,
    reason: seen.reason,
    detail: seen.detail,
    observedAtMs: nowMs,
    startedAtMs: record.state.startedAtMs ?? seen.startedAtMs,
    endedAtMs: seen.endedAtMs ?? nowMs,
  };
}

/** The end of a job that its place refused to run, in that place's own words. */
export function toRefused({ state }: JobRecord, detail: string, nowMs: number): JobState {
  return end(state, { status: 'failed', reason: 'SUBMISSION_REFUSED', detail }, nowMs);
}

/** No end: the state of a job that cannot be started, as long as its plan cannot be read. */
export function toUnplanned({ state }: JobRecord, nowMs: number): JobState {
  if (state.reason === 'RECORD_UNREADABLE') return state;
  const detail = 'The plan of this job cannot be read, so that it can only be cancelled';
  return { ...state, reason: 'RECORD_UNREADABLE', detail, observedAtMs: nowMs };
}

/** The end by request; a start that was seen and not yet written is kept with it. */
export function toCancelled(
  record: JobRecord,
  seen: Observation | undefined,
  nowMs: number,
): JobState {
  const detail = 'Job cancellation requested';
  const seenAtMs = isRunOf(record, seen) ? seen.startedAtMs : undefined;
  const state = { ...record.state, startedAtMs: record.state.startedAtMs ?? seenAtMs };
  return end(state, { status: 'cancelled', reason: 'CANCELLED_BY_REQUEST', detail }, nowMs);
}

/** The end of a job whose run was deleted by someone else. */
export function toDeleted({ state }: JobRecord, nowMs: number): JobState {
  const detail = 'The job was deleted from the cluster';
  return end(state, { status: 'cancelled', reason: 'DELETED', detail }, nowMs);
}

function end(
  { startedAtMs }: JobState,
  what: Pick<JobState, 'status' | 'reason' | 'detail'>,
  nowMs: number,
): JobState {
  return { ...what, observedAtMs: nowMs, startedAtMs, endedAtMs: nowMs };
}
