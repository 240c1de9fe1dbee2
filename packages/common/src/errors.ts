/** Stable error codes of the HTTP API, each with its status. Codes are never renamed or reused. */
export const ERROR_STATUS = {
  INVALID_REQUEST: 400,
  MALFORMED_BODY: 400,
  SUBMISSION_REFUSED: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  JOB_NOT_FOUND: 404,
  ROUTE_NOT_FOUND: 404,
  REQUEST_TIMEOUT: 408,
  JOB_CONFLICT: 409,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  RATE_LIMITED: 429,
  HEADERS_TOO_LARGE: 431,
  INTERNAL_ERROR: 500,
  OVERLOADED: 503,
  TOO_MANY_JOBS: 503,
  CLUSTER_UNAVAILABLE: 503,
} as const;

export type ErrorCode = keyof typeof ERROR_STATUS;

/** One violation: where in the body (`datasets[0].format`; empty for the whole) and a full sentence. */
export interface Violation {
  readonly path: string;
  readonly message: string;
}

/** Nobody reads more, and a list of a hundred thousand wrong elements must not make a huge answer. */
export const MAX_VIOLATIONS = 100;

/**
 * An outcome that the caller of the API is to be told. Its message and violations are written for
 * people and go out as they are, so they never hold a credential; `cause` stays inside.
 */
export class TrainerError extends Error {
  override readonly name = 'TrainerError';
  readonly code: ErrorCode;
  readonly violations: readonly Violation[];
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    detail: string,
    options: {
      violations?: readonly Violation[];
      retryAfterSeconds?: number;
      cause?: unknown;
    } = {},
  ) {
    super(detail, { cause: options.cause });
    this.code = code;
    this.violations = options.violations ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get status(): number {
    return ERROR_STATUS[this.code];
  }

  /** Many violations as one error whose detail already says all of them, up to a hundred. */
  static invalid(all: readonly Violation[]): TrainerError {
    const violations = all.slice(0, MAX_VIOLATIONS);
    const sentences = violations.map(({ message }) => message);
    if (all.length > MAX_VIOLATIONS) sentences.push('There are more violations than these.');
    return new TrainerError('INVALID_REQUEST', sentences.join(' '), { violations });
  }
}
