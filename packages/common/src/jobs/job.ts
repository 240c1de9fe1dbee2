import type { AskedForms, Fingerprints } from '../requests/asked-forms.ts';
import type { JobStatus } from '../requests/job-status.ts';
import type { KeptRequest } from '../requests/kept-request.ts';
import type { RerunStart } from '../requests/rerun.ts';
import type { JobTraits } from './job-traits.ts';
import type { Reason } from './reasons.ts';
import type { Reported } from './reported.ts';

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

/** One POST of a terminal callback, or of an update that was answered 410. */
export interface Attempt {
  readonly atMs: number;
  readonly durationMs: number;
  /** The answer's HTTP status; undefined when there was none. */
  readonly status: number | undefined;
  /** One sentence on what went wrong; undefined for a success. */
  readonly error: string | undefined;
  /** It was of an update: its 410 settles the terminal callback, and is no attempt at that. */
  readonly isUpdate?: true | undefined;
}

export const SETTLEMENTS = ['delivered', 'gone', 'expired', 'unwanted'] as const;
/** How a terminal callback ended: answered 2xx, answered 410, retries exhausted, no webhook. */
export type Settlement = (typeof SETTLEMENTS)[number];

/** What is known of the terminal callback; heartbeats leave no trace. */
export interface KeptDelivery {
  readonly settled: Settlement | undefined;
  /** The newest attempts, oldest first. */
  readonly attempts: readonly Attempt[];
  /** Of those at the terminal callback. */
  readonly attemptCount: number;
  /** When the next attempt is due; undefined when none is planned. */
  readonly nextAttemptAtMs: number | undefined;
  /** Set by a replay: attempts before it do not count. */
  readonly replayedAtMs: number | undefined;
  /**
   * Set where an event before the final one was cut off and may arrive after it: an attempt made at
   * this time or later has to succeed, whatever came of earlier ones.
   */
  readonly repeatAtMs: number | undefined;
}

export const WEBHOOK_AUTHS = ['none', 'kept', 'gone'] as const;
export type WebhookAuth = (typeof WEBHOOK_AUTHS)[number];

/** Who has something to tell of a job: its callers, we ourselves, its training, its final callback. */
export type HistoryRing = 'asked' | 'job' | 'trainer' | 'delivery';
/** How many events of each a job has had so far. */
export type HistoryCounts = Readonly<Record<HistoryRing, number>>;

/** What a rerun was made of. */
export interface RerunOrigin {
  /** The ended job. */
  readonly jobId: string;
  readonly from: RerunStart;
  /** Of what was asked, by which a repetition is known again. */
  readonly fingerprint: string;
}

/** What we know of a job, apart from its payload. Without credentials. */
export interface JobRecord extends Fingerprints {
  /** The caller's own id. */
  readonly id: string;
  /** The name of record and run. */
  readonly name: string;
  readonly backend: string;
  /** Differs between two jobs that had the same id one after the other. */
  readonly uid: string;
  /** Changes with every change of the record; guards updates. */
  readonly version: string;
  readonly createdAtMs: number;
  readonly warnings: readonly string[];
  /** What a list tells of its request; undefined in records of versions before this field. */
  readonly traits?: JobTraits | undefined;
  /** Of a rerun alone. */
  readonly rerunOf?: RerunOrigin | undefined;
  readonly hasWebhook: boolean;
  /** Scheme, host and port of the webhook; undefined also in records of versions before this field. */
  readonly webhookOrigin: string | undefined;
  /** Counts how often it was changed where callbacks go; undefined for never. */
  readonly callbackRevision?: number | undefined;
  /** The id that the runner gave its run, once that is known to exist. */
  readonly runId: string | undefined;
  /** Counts how often its runner has made another plan of it. */
  readonly planRevision: number;
  readonly state: JobState;
  readonly delivery: KeptDelivery;
  /** The training credentials were deleted, some time after the job's end. */
  readonly areCredentialsGone: boolean;
  /** It never had any, so that none can be in what its processes write; not known of earlier records. */
  readonly hasNoCredentials?: boolean | undefined;
  /** Whether the webhook is called with an `auth_header`, and whether that is still kept. */
  readonly webhookAuth: WebhookAuth;
  /** SHA-256 of the token that the training reports with; undefined where it sends none. */
  readonly reportTokenHash?: string | undefined;
  /** What its training said of itself; undefined while it has said nothing. */
  readonly reported?: Reported | undefined;
  /**
   * Set with the end of a job that was cancelled while its training is to save a checkpoint first:
   * until then, UNIX milliseconds, its run may go on.
   */
  readonly stopAtMs?: number | undefined;
  /** How much there is of its history, which its store keeps beside it; undefined in records from before. */
  readonly history?: HistoryCounts | undefined;
  /** When each of its phases began, as `appendPhase` writes it; undefined while it is in its first. */
  readonly phases?: string | undefined;
  /** The small form of what came of it, as its training says; never changes after the end. */
  readonly result?: JsonObject | undefined;
  /**
   * What of the record cannot be read, where that matters: until it can, nothing is decided about
   * the job but that it is cancelled.
   */
  readonly unreadable?: readonly string[];
}

/** Where a job's callbacks go. */
export interface CallbackTarget {
  readonly webhookUrl: string;
  readonly authHeader: string | undefined;
  readonly eventFilter: readonly JobStatus[] | undefined;
}

/** An object of JSON. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** What is rarely read; the part of a job that may hold credentials. */
export interface JobPayload extends PlannedJob {
  readonly callback: CallbackTarget | undefined;
  /** The job's secret values, by the keys that its plan refers to. */
  readonly secrets: Readonly<Record<string, string>>;
  /** What was sent; undefined in records of versions before it was kept, and where it is very large. */
  readonly request?: KeptRequest | undefined;
}

/** The part of a payload that holds no credentials. */
export interface PlannedJob extends RunnerPlan {
  /** Names the fields of a conflict. */
  readonly asked: AskedForms;
}

/** What a runner made of a job; see PreparedJob. */
export interface RunnerPlan {
  readonly plan: JsonObject;
  readonly echo: JsonObject;
}

/** A job before a store gave it uid and version. */
export type JobDraft = Omit<JobRecord, 'uid' | 'version'>;

export const NO_DELIVERY: KeptDelivery = {
  settled: undefined,
  attempts: [],
  attemptCount: 0,
  nextAttemptAtMs: undefined,
  replayedAtMs: undefined,
  repeatAtMs: undefined,
};

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
