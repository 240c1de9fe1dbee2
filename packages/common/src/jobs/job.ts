import type { JobStatus } from '../requests/job-status.ts';
import type { Progress } from '../requests/training-response.ts';
import type { TrainJobManifest } from '../runners/kubeflow/trainjob/manifest.ts';

/** Why a status is what it is: stable codes, documented in docs/KUBERNETES.md. */
export const REASONS = [
  'ACCEPTED',
  'QUEUED',
  'INITIALIZING',
  'PENDING',
  'INSUFFICIENT_RESOURCES',
  'QUOTA_EXCEEDED',
  'IMAGE_PULL_FAILED',
  'POD_BLOCKED',
  'RUNTIME_REJECTED',
  'RUNNING',
  'COMPLETED',
  'TRAINING_FAILED',
  'OUT_OF_MEMORY',
  'POD_FAILED',
  'MAX_RESTARTS_REACHED',
  'DEADLINE_EXCEEDED',
  'SUBMISSION_REFUSED',
  'CANCELLED_BY_REQUEST',
  'DELETED',
] as const;
export type Reason = (typeof REASONS)[number];

/** What is said of a job. Times are UNIX milliseconds. */
export interface JobState {
  readonly status: JobStatus;
  readonly reason: Reason;
  /** One sentence for people. */
  readonly detail: string;
  /** When this status and reason were first observed. */
  readonly observedAtMs: number;
  readonly startedAtMs: number | undefined;
  readonly endedAtMs: number | undefined;
}

/** One POST of a terminal callback. */
export interface Attempt {
  readonly atMs: number;
  readonly durationMs: number;
  /** The answer's HTTP status; undefined when there was none. */
  readonly status: number | undefined;
  /** One sentence on what went wrong; undefined for a success. */
  readonly error: string | undefined;
}

export const SETTLEMENTS = ['delivered', 'gone', 'expired', 'unwanted'] as const;
/** How a terminal callback ended: answered 2xx, answered 410, retries exhausted, no webhook. */
export type Settlement = (typeof SETTLEMENTS)[number];

/** What is known of the terminal callback; heartbeats leave no trace. */
export interface DeliveryLog {
  readonly settled: Settlement | undefined;
  /** The newest attempts, oldest first. */
  readonly attempts: readonly Attempt[];
  readonly attemptCount: number;
  /** When the next attempt is due; undefined when none is planned. */
  readonly nextAttemptAtMs: number | undefined;
  /** Set by a replay: attempts before it do not count. */
  readonly replayedAtMs: number | undefined;
}

/** What we know of a job, apart from its payload. Without credentials. */
export interface JobRecord {
  /** The caller's own id. */
  readonly id: string;
  /** The name of record and TrainJob. */
  readonly name: string;
  readonly backend: string;
  /** Differs between two jobs that had the same id one after the other. */
  readonly uid: string;
  /** Changes with every change of the record; guards updates. */
  readonly version: string;
  /** Of what was asked; equal for a repeated request. */
  readonly fingerprint: string;
  readonly createdAtMs: number;
  readonly warnings: readonly string[];
  readonly hasWebhook: boolean;
  /** Scheme, host and port of the webhook; undefined also in records of versions before this field. */
  readonly webhookOrigin: string | undefined;
  /** The uid of the TrainJob, once it is known to exist. */
  readonly runId: string | undefined;
  readonly state: JobState;
  readonly delivery: DeliveryLog;
  /** The training credentials were deleted, some time after the job's end. */
  readonly areCredentialsGone: boolean;
}

/** Where a job's callbacks go. */
export interface CallbackTarget {
  readonly webhookUrl: string;
  readonly authHeader: string | undefined;
  readonly eventFilter: readonly JobStatus[] | undefined;
}

/** What never changes and is rarely read; the part of a job that may hold credentials. */
export interface JobPayload {
  /** What was asked, canonical and without credentials: names the fields of a conflict. */
  readonly asked: Readonly<Record<string, unknown>>;
  readonly manifest: TrainJobManifest;
  readonly callback: CallbackTarget | undefined;
  /** Values that the manifest refers to, by key. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** The part of a payload that holds no credentials. */
export type JobPlan = Pick<JobPayload, 'asked' | 'manifest'>;

/** A job before a store gave it uid and version. */
export type JobDraft = Omit<JobRecord, 'uid' | 'version'>;

export const NO_DELIVERY: DeliveryLog = {
  settled: undefined,
  attempts: [],
  attemptCount: 0,
  nextAttemptAtMs: undefined,
  replayedAtMs: undefined,
};

/** What a runner sees of a job. */
export type Observation =
  | { readonly exists: false }
  | {
      readonly exists: true;
      readonly runId: string;
      /** The uid of the record that the run belongs to. */
      readonly recordUid: string | undefined;
      /** It was told to stop and is on its way out. */
      readonly isStopping: boolean;
      readonly status: JobStatus;
      readonly reason: Reason;
      readonly detail: string;
      readonly startedAtMs: number | undefined;
      readonly endedAtMs: number | undefined;
      readonly progress: Progress | undefined;
      /** Whether it was looked into why it waits; without that, what the record says of it stands. */
      readonly isDiagnosed?: boolean;
    };

/** Reasons of waiting that only whoever looks into it can tell. */
const DIAGNOSED: readonly Reason[] = [
  'INSUFFICIENT_RESOURCES',
  'QUOTA_EXCEEDED',
  'IMAGE_PULL_FAILED',
  'POD_BLOCKED',
  'RUNTIME_REJECTED',
  'OUT_OF_MEMORY',
  'POD_FAILED',
];

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

export function isTerminal(status: JobStatus): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled';
}

/** The state of a job that was just accepted. */
export function toAcceptedState(nowMs: number): JobState {
  return {
    status: 'submitted',
    reason: 'ACCEPTED',
    detail: 'Job accepted for processing',
    observedAtMs: nowMs,
    startedAtMs: undefined,
    endedAtMs: undefined,
  };
}

/**
 * What may be said now. An end counts only once it is latched in the record, since a runner may
 * revoke it; and a job that has started never goes back to `submitted`.
 */
export function projectJob(
  record: JobRecord,
  seen: Observation | undefined,
  nowMs: number,
): JobView {
  const { state } = record;
  if (!isRunOf(record, seen)) return { record, state, progress: undefined };
  if (isTerminal(state.status) || isTerminal(seen.status) || seen.isStopping) {
    return { record, state, progress: seen.progress };
  }
  const { progress } = seen;
  const goesBack = seen.status === 'submitted' && state.startedAtMs !== undefined;
  const isKnown = seen.status === state.status && seen.reason === state.reason;
  const isCoarser =
    seen.status === state.status && seen.isDiagnosed === false && DIAGNOSED.includes(state.reason);
  if (goesBack || isKnown || isCoarser) return { record, state, progress };
  const { status, reason, detail } = seen;
  const firstSeenMs = seen.startedAtMs ?? (status === 'running' ? nowMs : undefined);
  const startedAtMs = state.startedAtMs ?? firstSeenMs;
  const next = { status, reason, detail, observedAtMs: nowMs, startedAtMs, endedAtMs: undefined };
  return { record, state: next, progress };
}
