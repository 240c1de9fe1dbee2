import type { OrLater, ProblemDocument } from './job.ts';

/** What went wrong before there was an answer of the API. */
export type ClientErrorCode = 'UNREACHABLE' | 'TIMEOUT' | 'UNEXPECTED_ANSWER';
export type TrainerErrorCode = OrLater<ProblemDocument['code'] | ClientErrorCode>;

interface Parts {
  readonly code: TrainerErrorCode;
  readonly status?: number;
  readonly problem?: ProblemDocument;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/**
 * The one error of this client, apart from the reason of an aborted signal. Its message is a
 * sentence for people and holds no credential.
 */
export class TrainerApiError extends Error {
  override readonly name = 'TrainerApiError';
  /** Stable, for programs. */
  readonly code: TrainerErrorCode;
  /** Of the answer; undefined when there was none. */
  readonly status: number | undefined;
  /** What the service said; undefined when it was not the service that answered. */
  readonly problem: ProblemDocument | undefined;
  /** How long the service asks to wait before another try. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, { code, status, problem, retryAfterMs, cause }: Parts) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
    this.status = status;
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }

  /** Every violation of a request: where in it, and a sentence. */
  get errors(): ProblemDocument['errors'] {
    return this.problem?.errors ?? [];
  }

  /** Whether the same request may succeed later, unchanged. */
  get isPassing(): boolean {
    if (this.status === undefined) return true;
    return [408, 429, 502, 503, 504].includes(this.status);
  }
}
