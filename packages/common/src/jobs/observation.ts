import type { JobStatus } from '../requests/job-status.ts';
import type { Progress } from '../requests/training-response.ts';
import { isTerminal, type JobRecord, type JobState } from './job.ts';
import { DIAGNOSED_REASONS, QUEUE_REASONS, type Reason } from './reasons.ts';

/** What a runner sees of a job. */
export type Observation =
  | { readonly exists: false }
  | {
      readonly exists: true;
      readonly runId: string;
      /** The uid of the record that the run belongs to. */
      readonly recordUid: string | undefined;
      /** It has been asked to stop and is ending. */
      readonly isStopping: boolean;
      readonly status: JobStatus;
      readonly reason: Reason;
      readonly detail: string;
      readonly startedAtMs: number | undefined;
      readonly endedAtMs: number | undefined;
      readonly progress: Progress | undefined;
      /**
       * What a process of the run said last, as it stands there: it may hold the job's credentials,
       * so that nobody is shown it before those are masked.
       */
      readonly lastWords?: string | undefined;
      /** What a run that has succeeded left of its result, as it stands there; see `lastWords`. */
      readonly resultText?: string | undefined;
      /** Whether it was looked into why it waits; without that, what the record says of it stands. */
      readonly isDiagnosed?: boolean;
      /** Its sentence changes while status and reason stand, such as a place in a line. */
      readonly hasLiveDetail?: boolean;
    };

/** A job as it is answered: its record, brought up to date by what the runner sees. */
export interface JobView {
  readonly record: JobRecord;
  readonly state: JobState;
  readonly progress: Progress | undefined;
}

/** What a runner sees of a run that is there. */
export type SeenRun = Extract<Observation, { exists: true }>;

/** Whether it is the record's own, also when someone took its owner away. */
export function isRunOf(record: JobRecord, seen: Observation | undefined): seen is SeenRun {
  if (seen?.exists !== true) return false;
  return seen.recordUid === record.uid || seen.runId === record.runId;
}

/** Whether it was looked into why a job waits, so that the sentence is of now. */
function isFinding({ status, isDiagnosed, lastWords }: SeenRun): boolean {
  // Last words stand in the record as they were masked there.
  return status === 'submitted' && isDiagnosed === true && lastWords === undefined;
}

/** Whether a view says of the same status and reason what its record is to say from now on. */
export function isNewFinding(record: JobRecord, seen: SeenRun, next: JobState): boolean {
  if (isChangeOf(record, next) || !isFinding(seen) || seen.hasLiveDetail) return false;
  return next.detail !== record.state.detail;
}

/** Whether the state of a view is a change, worth a write and a callback, or only repeats it. */
export function isChangeOf({ state }: JobRecord, next: JobState): boolean {
  return next.status !== state.status || next.reason !== state.reason;
}

/**
 * What may be said now. An end counts only once it is latched in the record, since a runner may
 * revoke it: until then a run that has ended is shown as running. A job that is known to have begun,
 * by the record or by what is seen, never goes back to `submitted`. `sinceMs` is when this was first
 * seen.
 */
export function projectJob(
  record: JobRecord,
  seen: Observation | undefined,
  sinceMs: number,
): JobView {
  const { state } = record;
  if (!isRunOf(record, seen)) return { record, state, progress: undefined };
  const { progress } = seen;
  if (isTerminal(state.status)) return { record, state, progress };
  const startedAtMs = state.startedAtMs ?? seen.startedAtMs;
  const isEnding = isTerminal(seen.status) || seen.isStopping;
  if (record.unreadable !== undefined) {
    const status = isEnding ? state.status : seen.status;
    return { record, state: { ...state, status }, progress };
  }
  if (isEnding || seen.status === 'submitted') {
    const hasBegun = startedAtMs !== undefined || seen.status === 'succeeded';
    const isPreempted = hasBegun && !isEnding && QUEUE_REASONS.includes(seen.reason);
    if (isPreempted && state.reason === 'PREEMPTED') return { record, state, progress };
    if (isPreempted) return { record, state: toPreempted(seen, startedAtMs, sinceMs), progress };
    const isRunning = hasBegun && state.status !== 'running';
    if (isRunning) return { record, state: toRunningState(startedAtMs, sinceMs), progress };
    if (isEnding || hasBegun) return { record, state, progress };
  }
  const isKnown = seen.status === state.status && seen.reason === state.reason;
  const isCoarser =
    seen.status === state.status &&
    seen.isDiagnosed === false &&
    DIAGNOSED_REASONS.includes(state.reason);
  if (isKnown && (seen.hasLiveDetail || isFinding(seen))) {
    return { record, state: { ...state, detail: seen.detail }, progress };
  }
  if (isKnown || isCoarser) return { record, state, progress };
  const { status, reason, detail } = seen;
  const next = {
    ...{ status, reason, detail },
    observedAtMs: sinceMs,
    startedAtMs: startedAtMs ?? (status === 'running' ? sinceMs : undefined),
    endedAtMs: undefined,
  };
  return { record, state: next, progress };
}

/** What a job's own training reported of its progress; undefined where it did not. */
export type ReadProgress = (record: JobRecord) => Progress | undefined;

/** The view with what the training itself says, where it does; else what its runner sees stays. */
export function withReportedProgress(view: JobView, progressOf: ReadProgress | undefined): JobView {
  const progress = progressOf?.(view.record);
  return progress === undefined ? view : { ...view, progress };
}

function toPreempted(
  { detail }: SeenRun,
  startedAtMs: number | undefined,
  observedAtMs: number,
): JobState {
  const said = { status: 'running', reason: 'PREEMPTED' } as const;
  const sentence = `Stopped half way, and goes on from its last checkpoint: ${detail}`;
  return { ...said, detail: sentence, observedAtMs, startedAtMs, endedAtMs: undefined };
}

function toRunningState(startedAtMs: number | undefined, observedAtMs: number): JobState {
  const said = { status: 'running', reason: 'RUNNING', detail: 'Training is running' } as const;
  return { ...said, observedAtMs, startedAtMs, endedAtMs: undefined };
}
