import { ERROR_STATUS, type ErrorCode, TrainerError, type Violation } from '../../errors.ts';
import { type Problem, ProblemSchema } from '../../requests/problem.ts';
import { toProblem } from '../plugins/problem.ts';

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
  'INTERNAL_ERROR',
];
/** What routes about jobs may be refused with, whatever they are asked. */
const JOB_ROUTE: readonly ErrorCode[] = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'OVERLOADED',
  'CLUSTER_UNAVAILABLE',
];

/** For each code: when it is given, and the detail and violations of an answer that has it. */
const PROBLEMS: Record<
  ErrorCode,
  readonly [meaning: string, detail: string, violations?: readonly Violation[]]
> = {
  INVALID_REQUEST: [
    'the request breaks the schema or a rule of this service; `errors` holds every violation',
    'resources.gpus must be at least 2 (ZeRO stages) for this service, but is 1.',
    [
      {
        path: 'resources.gpus',
        message: 'resources.gpus must be at least 2 (ZeRO stages) for this service, but is 1.',
      },
    ],
  ],
  MALFORMED_BODY: [
    'this is no whole HTTP request, or its body is not JSON',
    'The body is empty; it must be one JSON object.',
  ],
  SUBMISSION_REFUSED: [
    'the cluster refuses the job, for the reason in `detail`',
    'The cluster refuses the job: exceeded quota: gpus.',
  ],
  UNAUTHENTICATED: [
    'there is no token',
    'A token is required, as X-TRAINER-TOKEN: <token> or Authorization: Bearer <token>.',
  ],
  FORBIDDEN: ['the token is wrong', 'The token is not one that this service accepts.'],
  JOB_NOT_FOUND: [
    'there is no such job, or it ended so long ago that it was forgotten',
    'No job unique-train-id is known to this service.',
  ],
  ROUTE_NOT_FOUND: ['there is no such route', 'There is no such route for POST.'],
  REQUEST_TIMEOUT: [
    'the request did not arrive whole within 30 seconds',
    'The request did not arrive whole in time.',
  ],
  JOB_CONFLICT: [
    'a different request was submitted with this `job_id` before; `errors` names what differs',
    'A job with this job_id was submitted with a different request; they differ in resources.gpus.',
    [
      {
        path: 'resources.gpus',
        message: 'resources.gpus differs from the request that was submitted first.',
      },
    ],
  ],
  PAYLOAD_TOO_LARGE: [
    'the body is larger than 256 KiB, or than 96 KiB once its defaults are filled in',
    'The body is larger than 256 KiB; move what is large into a dataset.',
  ],
  UNSUPPORTED_MEDIA_TYPE: [
    'the body is not sent as `application/json`',
    'The body must be sent as Content-Type: application/json.',
  ],
  RATE_LIMITED: [
    'too many requests came from this address; wait for `Retry-After`',
    'Too many requests from this address; slow down.',
  ],
  HEADERS_TOO_LARGE: [
    'the headers are larger than 16 KiB',
    'The headers of the request are larger than 16 KiB.',
  ],
  INTERNAL_ERROR: [
    'something went wrong on our side; the log has it under `request_id`',
    'Something went wrong on our side.',
  ],
  OVERLOADED: [
    'the service cannot keep up; wait for `Retry-After`',
    'This service is overloaded; try again soon.',
  ],
  TOO_MANY_JOBS: [
    'the service keeps as many jobs as it may; wait for `Retry-After`',
    'This service already keeps 10000 jobs; try again when older ones have expired.',
  ],
  CLUSTER_UNAVAILABLE: [
    'the cluster cannot be reached; wait for `Retry-After`',
    'The cluster cannot be used right now; try again.',
  ],
};

/** The OpenAPI responses of what a route is refused with: by status, told by code. */
export function describeProblems(own: readonly ErrorCode[], isAboutJobs: boolean) {
  const codes = new Set([...own, ...ANY_ROUTE, ...(isAboutJobs ? JOB_ROUTE : [])]);
  const byStatus = Map.groupBy(codes, (code) => ERROR_STATUS[code]);
  return Object.fromEntries([...byStatus].map(([status, some]) => [status, describe(some)]));
}

/** An answer for each code that a route has, as OpenAPI examples. */
export function exampleProblems(): Record<string, { summary: string; value: Problem }> {
  const { ROUTE_NOT_FOUND: _, ...problems } = PROBLEMS;
  return Object.fromEntries(
    Object.entries(problems).map(([code, [summary, detail, violations = []]]) => {
      const error = new TrainerError(code as ErrorCode, detail, { violations });
      return [code, { summary, value: { ...toProblem(error), request_id: 'req-4711' } }];
    }),
  );
}

function describe(codes: readonly ErrorCode[]) {
  const meanings = codes.map((code) => `\`${code}\`: ${PROBLEMS[code][0]}.`);
  return {
    description: meanings.length === 1 ? String(meanings) : `- ${meanings.join('\n- ')}`,
    content: {
      'application/problem+json': {
        schema: { $ref: `#/components/schemas/${ProblemSchema.meta()?.id}` },
        examples: Object.fromEntries(
          codes.map((code) => [code, { $ref: `#/components/examples/${code}` }]),
        ),
      },
    },
  };
}
