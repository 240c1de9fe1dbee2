import { ERRORS, type ErrorCode, type ErrorDefinition, STATUS_TITLES } from './error-codes.ts';

/** One violation: where in the body (`datasets[0].format`; empty for the whole) and a full sentence. */
export interface Violation {
  readonly path: string;
  readonly message: string;
}

interface ErrorOptions {
  readonly violations?: readonly Violation[];
  /** Whole seconds go out, one at least. */
  readonly retryAfterSeconds?: number | undefined;
  readonly isRefusal?: boolean;
  readonly cause?: unknown;
}

/**
 * An outcome that the API's caller sees. Its message and violations are written for
 * people and go out as they are, so they never hold a credential; `cause` stays inside. The
 * functions of `errors` make them.
 */
export class TrainerError extends Error {
  override readonly name = 'TrainerError';
  readonly code: ErrorCode;
  readonly violations: readonly Violation[];
  readonly retryAfterSeconds: number | undefined;
  /** Whether the same fails until an operator acts. */
  readonly isRefusal: boolean;

  constructor(code: ErrorCode, detail: string, options: ErrorOptions = {}) {
    super(detail, { cause: options.cause });
    const definition: ErrorDefinition = ERRORS[code];
    this.code = code;
    this.violations = options.violations ?? [];
    this.isRefusal = options.isRefusal ?? false;
    const seconds = options.retryAfterSeconds ?? definition.retryAfterSeconds;
    this.retryAfterSeconds = seconds === undefined ? undefined : Math.max(1, Math.ceil(seconds));
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  /** The name of the status. */
  get title(): string {
    return STATUS_TITLES[ERRORS[this.code].status];
  }
}

/** Whether the log has told why, once for all that fail for the same cause. */
export function isLogged(error: unknown): boolean {
  return error instanceof TrainerError && error.code === 'CLUSTER_UNAVAILABLE';
}

/** Whether it passes by itself, as an outage of the cluster does. */
export function isPassing(error: unknown): boolean {
  return isLogged(error) && !(error as TrainerError).isRefusal;
}

/** Nobody reads more, and a list of a hundred thousand wrong elements must not make a huge answer. */
export const MAX_VIOLATIONS = 100;
/** More of these help nobody, and free-form parts may differ in thousands. */
const MAX_NAMED_FIELDS = 20;

/** What another writer did in this moment, the next attempt sees. */
const AT_ONCE = { retryAfterSeconds: 1 };
const OPERATOR_MUST_ACT = { retryAfterSeconds: 60 };

/** Makes the errors, each with its sentence, which stands here and nowhere else. */
export const errors = {
  /** Many violations as one error whose detail already says all of them, up to a hundred. */
  invalid(all: readonly Violation[]) {
    const violations = all.slice(0, MAX_VIOLATIONS);
    const sentences = violations.map(({ message }) => message);
    if (all.length > MAX_VIOLATIONS) sentences.push('There are more violations than these.');
    return new TrainerError('INVALID_REQUEST', sentences.join(' '), { violations });
  },
  /** `differing` are paths of what a checkpoint of that job is made of. */
  resumeMismatch(jobId: string, differing: readonly string[]) {
    const violations = differing.map((path) => ({
      path,
      message: `${path} differs from that of job ${jobId}, which extra_parameters.resume_from names, so that its checkpoints do not fit.`,
    }));
    return errors.invalid(violations);
  },
  invalidPath: () =>
    new TrainerError('INVALID_REQUEST', 'The path holds an escape that is not valid UTF-8.'),
  emptyBody: () =>
    new TrainerError('MALFORMED_BODY', 'The body is empty; it must be one JSON object.'),
  bodyNotUtf8: () => new TrainerError('MALFORMED_BODY', 'The body is not valid UTF-8.'),
  /** `place` as the JSON parser reports it: `(line 1 column 2)`. */
  bodyNotJson: (place: string | undefined) =>
    new TrainerError(
      'MALFORMED_BODY',
      `The body is not valid JSON${place === undefined ? '' : ` ${place}`}; it must be one JSON object.`,
    ),
  bodyLengthWrong: () =>
    new TrainerError('MALFORMED_BODY', 'The body is not as long as its Content-Length says.'),
  notHttp: () => new TrainerError('MALFORMED_BODY', 'This is not a whole HTTP/1.1 request.'),
  unreadable: (cause: unknown) =>
    new TrainerError('MALFORMED_BODY', 'The request could not be read.', { cause }),
  /** `detail` in the cluster's own words. */
  submissionRefused: (detail: string) => new TrainerError('SUBMISSION_REFUSED', detail),
  tokenMissing: () =>
    new TrainerError(
      'UNAUTHENTICATED',
      'A token is required, as X-TRAINER-TOKEN: <token> or Authorization: Bearer <token>.',
    ),
  tokenWrong: () =>
    new TrainerError('FORBIDDEN', 'The token is not one that this service accepts.'),
  tokenReadsOnly: (method: string) =>
    new TrainerError(
      'FORBIDDEN',
      `The token is only good for reading (GET and HEAD): ${method} needs one of TRAINER_API_TOKEN.`,
    ),
  hostNotAllowed: (header: 'Host' | 'Origin') =>
    new TrainerError(
      'HOST_NOT_ALLOWED',
      `The ${header} of the request is no loopback name, and this service asks for no token; set a token, or add the name to TRAINER_ALLOWED_HOSTS.`,
    ),
  jobNotFound: (jobId: string) =>
    new TrainerError('JOB_NOT_FOUND', `No job ${jobId} is known to this service.`),
  /** `rule` completes "a job_id …". */
  jobIdImpossible: (rule: string) =>
    new TrainerError('JOB_NOT_FOUND', `No job has this id: a job_id ${rule}.`),
  jobIdTooLong: () => new TrainerError('JOB_NOT_FOUND', 'No job has an id that is this long.'),
  routeNotFound: (method: string) =>
    new TrainerError('ROUTE_NOT_FOUND', `There is no such route for ${method}.`),
  methodNotAllowed: (method: string, allowed: readonly string[]) =>
    new TrainerError(
      'METHOD_NOT_ALLOWED',
      `This route does not take ${method}, but ${allowed.join(', ')}.`,
    ),
  requestTimeout: () =>
    new TrainerError('REQUEST_TIMEOUT', 'The request did not arrive whole in time.'),
  /** `differing` are the paths that differ; they may be unknown. */
  jobConflict(differing: readonly string[]) {
    const fields = differing.slice(0, MAX_NAMED_FIELDS);
    const more = differing.length > fields.length ? ' and more' : '';
    const named = fields.length > 0 ? fields.join(', ') + more : 'some of its fields';
    const violations = fields.map((path) => ({
      path,
      message: `${path} differs from the request that was submitted first.`,
    }));
    return new TrainerError(
      'JOB_CONFLICT',
      `A job with this job_id was submitted with a different request; they differ in ${named}.`,
      { violations },
    );
  },
  /** `detail` says what has the name that the job needs. */
  jobNameTaken: (detail: string) => new TrainerError('JOB_CONFLICT', detail),
  jobNotEnded: (jobId: string) =>
    new TrainerError(
      'JOB_NOT_ENDED',
      `Job ${jobId} has not ended; cancel it first, by POST /train/${jobId}/cancel.`,
    ),
  rerunTooEarly: (jobId: string) =>
    new TrainerError(
      'JOB_NOT_ENDED',
      `Job ${jobId} has not ended, so that it cannot be run again; wait for its end, or cancel it first, by POST /train/${jobId}/cancel, with ?save=true to keep a checkpoint.`,
    ),
  requestNotKept: (jobId: string) =>
    new TrainerError(
      'RERUN_REFUSED',
      `What was sent for job ${jobId} is not kept, since an earlier version accepted it or it is very large; submit it as a new job, by POST /train.`,
    ),
  checkpointMissing: (jobId: string) =>
    new TrainerError(
      'RERUN_REFUSED',
      `Job ${jobId} has reported no checkpoint; run it again with "from": "start". Where there is one all the same, POST /train goes on from it, with extra_parameters.resume_from.`,
    ),
  /** `paths` are those of the request that were purged. */
  storedCredentialsGone(jobId: string, paths: readonly string[]) {
    const fields = paths.slice(0, MAX_NAMED_FIELDS);
    const more = paths.length > fields.length ? ' and more' : '';
    const violations = fields.map((path) => ({
      path: `changes.${path}`,
      message: `changes.${path} is required, since what job ${jobId} had there was deleted.`,
    }));
    return new TrainerError(
      'RERUN_REFUSED',
      `The credentials of job ${jobId} were deleted; give them in changes: ${fields.join(', ')}${more}.`,
      { violations },
    );
  },
  jobBeingStopped: (jobId: string) =>
    new TrainerError(
      'JOB_BEING_STOPPED',
      `The run of job ${jobId} is still being stopped; try again in a moment.`,
    ),
  callbackUndelivered: (jobId: string) =>
    new TrainerError(
      'CALLBACK_UNDELIVERED',
      `The final callback of job ${jobId} is not delivered yet; wait for it, or give it up with ?force=true.`,
    ),
  nothingToReplay: (jobId: string) =>
    new TrainerError(
      'REPLAY_REFUSED',
      `Job ${jobId} names no webhook, so there is nothing to send again.`,
    ),
  webhookAuthGone: (jobId: string) =>
    new TrainerError(
      'REPLAY_REFUSED',
      `The auth_header of job ${jobId} was deleted with its credentials, so nothing can be sent again.`,
    ),
  callbackSettled: (jobId: string) =>
    new TrainerError(
      'CALLBACK_CHANGE_REFUSED',
      `The final callback of job ${jobId} is settled, so nothing more is sent; a replay, where there is a webhook, sends it to the same address again.`,
    ),
  callbackGone: (jobId: string) =>
    new TrainerError(
      'CALLBACK_CHANGE_REFUSED',
      `The webhook of job ${jobId} has answered 410, so nothing more is sent to it; another webhook_url or auth_header begins anew.`,
    ),
  callbackUnreadable: (jobId: string) =>
    new TrainerError(
      'CALLBACK_CHANGE_REFUSED',
      `The record of job ${jobId} cannot be read, so that the job can only be cancelled.`,
    ),
  callbackWithoutWebhook: () =>
    errors.invalid([
      {
        path: 'webhook_url',
        message:
          'webhook_url is required, since the job has none and other parts of callbacks need it.',
      },
    ]),
  bodyTooLarge: () =>
    new TrainerError(
      'PAYLOAD_TOO_LARGE',
      'The body is larger than 256 KiB; move what is large into a dataset.',
    ),
  requestTooLarge: (maxKib: number) =>
    new TrainerError(
      'PAYLOAD_TOO_LARGE',
      `The request is larger than ${maxKib} KiB once its defaults are filled in; move what is large into a dataset.`,
    ),
  recordTooLarge: () =>
    new TrainerError('PAYLOAD_TOO_LARGE', 'The request is larger than the cluster can keep.'),
  mediaTypeUnsupported: () =>
    new TrainerError(
      'UNSUPPORTED_MEDIA_TYPE',
      'The body must be sent as Content-Type: application/json.',
    ),
  /** `encoding` where it can be repeated. */
  encodingUnsupported: (encoding: string | undefined) =>
    new TrainerError(
      'UNSUPPORTED_MEDIA_TYPE',
      `The body must be sent as it is, without Content-Encoding${encoding === undefined ? '' : ` ${encoding}`}.`,
    ),
  expectationFailed: () =>
    new TrainerError(
      'EXPECTATION_FAILED',
      'The Expect header of the request names something other than 100-continue.',
    ),
  rateLimited: (retryAfterSeconds: number) =>
    new TrainerError('RATE_LIMITED', 'Too many requests from this address; slow down.', {
      retryAfterSeconds,
    }),
  reportTokenMissing: () =>
    new TrainerError('UNAUTHENTICATED', 'A report needs the token of its job.'),
  reportTokenWrong: () =>
    new TrainerError('FORBIDDEN', 'The token is not that of this job, or its run is gone.'),
  reportsTooOften: () =>
    new TrainerError('RATE_LIMITED', 'A job may report twice a second; slow down.', AT_ONCE),
  reportOutdated: (newest: number) =>
    new TrainerError(
      'REPORT_OUTDATED',
      `This report is of an earlier run of the job than attempt ${newest}, which has reported already.`,
    ),
  reportTooLarge: () => new TrainerError('PAYLOAD_TOO_LARGE', 'The report is larger than 64 KiB.'),
  headersTooLarge: () =>
    new TrainerError('HEADERS_TOO_LARGE', 'The headers of the request are larger than 16 KiB.'),
  internal: (cause?: unknown) =>
    new TrainerError('INTERNAL_ERROR', 'Something went wrong on our side.', { cause }),
  overloaded: () => new TrainerError('OVERLOADED', 'This service is overloaded; try again soon.'),
  tooManyJobs: (maxJobs: number) =>
    new TrainerError(
      'TOO_MANY_JOBS',
      `This service already keeps ${maxJobs} jobs; try again when older ones have expired.`,
    ),
  tooManyLogReaders: (maxReaders: number) =>
    new TrainerError(
      'TOO_MANY_READERS',
      `This service already lets ${maxReaders} read logs; try again when one has finished.`,
    ),
  clusterUnreachable: (options: Pick<ErrorOptions, 'retryAfterSeconds' | 'cause'> = {}) =>
    new TrainerError(
      'CLUSTER_UNAVAILABLE',
      'The cluster cannot be reached right now; try again in a moment.',
      options,
    ),
  /** Our own account may not do what it must. */
  clusterRefusesUs: (options: Pick<ErrorOptions, 'retryAfterSeconds' | 'cause'> = {}) =>
    new TrainerError(
      'CLUSTER_UNAVAILABLE',
      'The cluster refuses what this service needs to do; its operator has to look into it.',
      { ...options, isRefusal: true },
    ),
  /** `why` is half a sentence about the store of one machine. */
  recordsUnavailable: (why: string, cause: unknown) =>
    new TrainerError(
      'CLUSTER_UNAVAILABLE',
      `The records of this service cannot be read or written right now: ${why}.`,
      { ...AT_ONCE, cause },
    ),
  kubeflowNotInstalled: () =>
    new TrainerError(
      'CLUSTER_UNAVAILABLE',
      'Kubeflow Trainer is not installed in the cluster.',
      OPERATOR_MUST_ACT,
    ),
  /** Our own account may not start this job; `detail` is for callers. */
  startForbidden: (detail: string) =>
    new TrainerError('CLUSTER_UNAVAILABLE', detail, { retryAfterSeconds: 30 }),
  /** What the job was made for has changed; `detail` is one sentence. */
  startOutdated: (detail: string) => new TrainerError('CLUSTER_UNAVAILABLE', detail, AT_ONCE),
  /** The job was refused, and it is not known whether its record still exists: repeating the request finds out. */
  refusalUncertain: (refusal: TrainerError) =>
    new TrainerError(
      'CLUSTER_UNAVAILABLE',
      `${refusal.message.replace(/\.?$/, '.')} Try again to be sure.`,
      { ...AT_ONCE, cause: refusal },
    ),
  jobJustDeleted: () =>
    new TrainerError(
      'CLUSTER_UNAVAILABLE',
      'A job of this job_id was just deleted; try again.',
      AT_ONCE,
    ),
  jobBeingDeleted: () =>
    new TrainerError('CLUSTER_UNAVAILABLE', 'The job is being deleted; try again.', AT_ONCE),
  jobChangesTooFast: () =>
    new TrainerError(
      'CLUSTER_UNAVAILABLE',
      'The job changes too fast right now; try again.',
      AT_ONCE,
    ),
};
