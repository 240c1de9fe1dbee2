import { ERRORS, type ErrorCode } from '../../error-codes.ts';
import { errors, type TrainerError } from '../../errors.ts';
import { type Problem, ProblemSchema, toProblem } from '../../requests/problem.ts';

declare module 'fastify' {
  interface FastifySchema {
    /** What a route may be refused with, besides what every route may. */
    readonly problems?: readonly ErrorCode[];
  }
}

/** Either header will do. */
export const TOKEN_SECURITY = [{ trainerToken: [] }, { bearerToken: [] }];

/** What happens before a request reaches its route. */
const ANY_ROUTE: readonly ErrorCode[] = [
  'MALFORMED_BODY',
  'REQUEST_TIMEOUT',
  'HEADERS_TOO_LARGE',
  'EXPECTATION_FAILED',
  'INTERNAL_ERROR',
];
/** What routes about jobs may be refused with, whatever they are asked. */
const JOB_ROUTE: readonly ErrorCode[] = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'HOST_NOT_ALLOWED',
  'RATE_LIMITED',
  'OVERLOADED',
  'CLUSTER_UNAVAILABLE',
];

const TOO_FEW_GPUS = 'resources.gpus must be at least 2 (ZeRO stages) for this service, but is 1.';

/** One error of each code, as it is answered. */
export const EXAMPLE_ERRORS: Readonly<Record<ErrorCode, TrainerError>> = {
  INVALID_REQUEST: errors.invalid([{ path: 'resources.gpus', message: TOO_FEW_GPUS }]),
  MALFORMED_BODY: errors.emptyBody(),
  SUBMISSION_REFUSED: errors.submissionRefused(
    'The cluster refuses the job: exceeded quota: gpus.',
  ),
  UNAUTHENTICATED: errors.tokenMissing(),
  FORBIDDEN: errors.tokenWrong(),
  HOST_NOT_ALLOWED: errors.hostNotAllowed('Host'),
  JOB_NOT_FOUND: errors.jobNotFound('unique-train-id'),
  ROUTE_NOT_FOUND: errors.routeNotFound('POST'),
  METHOD_NOT_ALLOWED: errors.methodNotAllowed('PUT', ['POST']),
  REQUEST_TIMEOUT: errors.requestTimeout(),
  JOB_CONFLICT: errors.jobConflict(['resources.gpus']),
  JOB_NOT_ENDED: errors.jobNotEnded('unique-train-id'),
  JOB_BEING_STOPPED: errors.jobBeingStopped('unique-train-id'),
  CALLBACK_UNDELIVERED: errors.callbackUndelivered('unique-train-id'),
  REPLAY_REFUSED: errors.nothingToReplay('unique-train-id'),
  RERUN_REFUSED: errors.storedCredentialsGone('unique-train-id', ['base_model.huggingface_token']),
  CALLBACK_CHANGE_REFUSED: errors.callbackSettled('unique-train-id'),
  REPORT_OUTDATED: errors.reportOutdated(2),
  PAYLOAD_TOO_LARGE: errors.bodyTooLarge(),
  UNSUPPORTED_MEDIA_TYPE: errors.mediaTypeUnsupported(),
  EXPECTATION_FAILED: errors.expectationFailed(),
  RATE_LIMITED: errors.rateLimited(60),
  HEADERS_TOO_LARGE: errors.headersTooLarge(),
  INTERNAL_ERROR: errors.internal(),
  OVERLOADED: errors.overloaded(),
  TOO_MANY_JOBS: errors.tooManyJobs(10_000),
  TOO_MANY_READERS: errors.tooManyLogReaders(50),
  CLUSTER_UNAVAILABLE: errors.clusterUnreachable(),
};

/** The OpenAPI responses of a route's refusals: by status, with an example for each code. */
export function describeProblems(own: readonly ErrorCode[], isAboutJobs: boolean) {
  const codes = new Set([...own, ...ANY_ROUTE, ...(isAboutJobs ? JOB_ROUTE : [])]);
  const byStatus = Map.groupBy(codes, (code) => ERRORS[code].status);
  return Object.fromEntries([...byStatus].map(([status, some]) => [status, describe(some)]));
}

/** An answer for each code that these paths refer to, as OpenAPI examples. */
export function exampleProblems(
  paths: unknown,
): Record<string, { summary: string; value: Problem }> {
  const text = JSON.stringify(paths);
  const used = Object.values(EXAMPLE_ERRORS).filter(({ code }) => text.includes(toRef(code)));
  return Object.fromEntries(
    used.map((error) => [
      error.code,
      { summary: ERRORS[error.code].when, value: toProblem(error, 'req-4711') },
    ]),
  );
}

const toRef = (code: ErrorCode) => `#/components/examples/${code}`;

function describe(codes: readonly ErrorCode[]) {
  const meanings = codes.map((code) => `\`${code}\`: ${ERRORS[code].when}.`);
  return {
    description: meanings.length === 1 ? String(meanings) : `- ${meanings.join('\n- ')}`,
    content: {
      'application/problem+json': {
        schema: { $ref: `#/components/schemas/${ProblemSchema.meta()?.id}` },
        examples: Object.fromEntries(codes.map((code) => [code, { $ref: toRef(code) }])),
      },
    },
  };
}
