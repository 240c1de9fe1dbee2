import type { Pace } from './backoff.ts';
import type { Job } from './job.ts';

export interface TrainerClientOptions {
  /** Of one service, such as `http://localhost:8082`; a path before `/train` is kept. */
  readonly baseUrl: string | URL;
  /** Or a function that gives it, asked for every request, for tokens that change. */
  readonly token?: string | (() => string | undefined | Promise<string | undefined>);
  readonly fetch?: typeof globalThis.fetch;
  /** For each attempt at a request; 30 s by default. */
  readonly timeoutMs?: number;
  /** Attempts after the first, where it is safe; 4 by default. */
  readonly retries?: number;
  /** Between such attempts; from 0.5 s to 10 s by default. */
  readonly retryPace?: Pace;
  /** Between the requests of `wait`; from 1 s to 30 s by default. */
  readonly pollPace?: Pace;
}

export interface CallOptions {
  /** Aborts the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface CancelOptions extends CallOptions {
  readonly save?: boolean;
}

/** Of the list of jobs: only those that match all of it. */
export interface ListOptions extends CallOptions {
  readonly status?: readonly string[];
  readonly reason?: string;
  readonly phase?: string;
  readonly backendJobId?: string;
  readonly model?: string;
  readonly method?: string;
  readonly provider?: string;
  /** Jobs with all of these labels. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Jobs that this one was run again as. */
  readonly rerunOf?: string;
  readonly createdAfter?: Date | string;
  readonly createdBefore?: Date | string;
  /** Of one page; 50 by default, 200 at most. */
  readonly limit?: number;
  /** `next_cursor` of the page before, which was asked for with the same filters. */
  readonly cursor?: string;
}

export interface FollowOptions extends CallOptions {
  /** Only these, 200 at most; all by default. */
  readonly jobIds?: readonly string[];
  /** Only jobs of these statuses, and those that leave them. */
  readonly status?: readonly string[];
  /** Leaves out how the jobs are at first. */
  readonly fromNow?: boolean;
}

export interface MetricsOptions extends CallOptions {
  /** Only these, such as `loss`; all by default. */
  readonly names?: readonly string[];
  readonly fromStep?: number;
  /** Of each series; 500 by default, 512 at most. */
  readonly maxPoints?: number;
}

export interface LogOptions extends CallOptions {
  /** Goes on with what is still to be written, until the job has ended. */
  readonly follow?: boolean;
  /** Only so many of the newest lines, of each node. */
  readonly tail?: number;
  /** Only what was written from then on, or what comes after the line of this `cursor`. */
  readonly since?: Date | string;
  readonly node?: number;
  readonly attempt?: number;
  /** What the container before the present one has written. */
  readonly previous?: boolean;
}

export interface WaitOptions extends CallOptions {
  /** Called with the job at first, and whenever its status, reason, detail or progress has changed. */
  readonly onProgress?: (job: Job) => void;
}
