/** What all errors of one code have in common. */
export interface ErrorDefinition {
  readonly status: keyof typeof STATUS_TITLES;
  /** When it is given, for the API's description. */
  readonly when: string;
  /** What goes out as `Retry-After` unless one error says otherwise. */
  readonly retryAfterSeconds?: number;
}

/** Every error that the HTTP API answers with. Codes are never renamed or reused. */
export const ERRORS = {
  INVALID_REQUEST: {
    status: 400,
    when: 'The request breaks the schema or a rule of this service; `errors` holds every violation, up to a hundred',
  },
  MALFORMED_BODY: {
    status: 400,
    when: 'This is no whole HTTP request, or its body is not JSON',
  },
  SUBMISSION_REFUSED: {
    status: 400,
    when: 'The cluster refuses the job, for the reason in `detail`',
  },
  UNAUTHENTICATED: { status: 401, when: 'There is no token' },
  FORBIDDEN: { status: 403, when: 'The token is wrong, or only good for reading' },
  HOST_NOT_ALLOWED: {
    status: 403,
    when: 'No token is needed, and `Host` or `Origin` is no loopback name; `TRAINER_ALLOWED_HOSTS` adds others',
  },
  JOB_NOT_FOUND: {
    status: 404,
    when: 'There is no such job, or it was forgotten, some time after its end',
  },
  ROUTE_NOT_FOUND: { status: 404, when: 'There is no such route' },
  METHOD_NOT_ALLOWED: {
    status: 405,
    when: 'The route has other methods, which `Allow` names',
  },
  REQUEST_TIMEOUT: { status: 408, when: 'The request did not arrive whole within 30 seconds' },
  JOB_CONFLICT: {
    status: 409,
    when: 'A different request was submitted with this `job_id` before; `errors` names what differs. Or what an earlier job left in the cluster is in the way, as `detail` says',
  },
  JOB_NOT_ENDED: {
    status: 409,
    when: 'The job has not ended, so that it cannot be forgotten or run again; cancel it first',
  },
  JOB_BEING_STOPPED: {
    status: 409,
    when: 'The run of the job is being stopped; wait for `Retry-After`',
    retryAfterSeconds: 2,
  },
  CALLBACK_UNDELIVERED: {
    status: 409,
    when: 'The final callback of the job is not delivered yet; `?force=true` gives it up',
  },
  REPLAY_REFUSED: {
    status: 409,
    when: 'The job has no callback that can be sent again, for the reason in `detail`',
  },
  RERUN_REFUSED: {
    status: 409,
    when: 'The job cannot be run again as asked, for the reason in `detail`; where credentials were deleted that it needs, `errors` names them',
  },
  CALLBACK_CHANGE_REFUSED: {
    status: 409,
    when: 'Where the callbacks of the job go cannot be changed any more, for the reason in `detail`',
  },
  REPORT_OUTDATED: {
    status: 409,
    when: 'The report is of an earlier attempt of its job than one that has reported',
  },
  PAYLOAD_TOO_LARGE: {
    status: 413,
    when: 'The body is larger than 256 KiB, or than 96 KiB once its defaults are filled in',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    when: 'The body is not sent as `application/json`, or it is compressed',
  },
  EXPECTATION_FAILED: {
    status: 417,
    when: 'The request has an `Expect` header other than `100-continue`',
  },
  RATE_LIMITED: {
    status: 429,
    when: 'Too many requests came from this address; wait for `Retry-After`',
    retryAfterSeconds: 60,
  },
  HEADERS_TOO_LARGE: { status: 431, when: 'The headers are larger than 16 KiB' },
  INTERNAL_ERROR: {
    status: 500,
    when: 'Something went wrong on our side; the log has it under `request_id`',
  },
  OVERLOADED: {
    status: 503,
    when: 'The service cannot keep up; wait for `Retry-After`',
    retryAfterSeconds: 5,
  },
  TOO_MANY_JOBS: {
    status: 503,
    when: 'The service keeps as many jobs as `TRAINER_MAX_JOBS`; wait for `Retry-After`',
    retryAfterSeconds: 60,
  },
  TOO_MANY_READERS: {
    status: 503,
    when: 'As many read logs as `TRAINER_MAX_LOG_READERS`; wait for `Retry-After`',
    retryAfterSeconds: 5,
  },
  CLUSTER_UNAVAILABLE: {
    status: 503,
    when: 'The cluster cannot be reached; wait for `Retry-After`',
    retryAfterSeconds: 5,
  },
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof ERRORS;

export const ERROR_CODES = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

/** The names of the statuses in RFC 9110 and RFC 6585; Node still has the old one of 413. */
export const STATUS_TITLES = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
} as const;
