import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, TrainerError } from '../../errors.ts';
import type { Problem } from '../../requests/problem.ts';

const TITLES: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** What the framework itself refuses, in our words: its own may repeat parts of the request. */
const FRAMEWORK_ERRORS: Record<string, readonly [ErrorCode, string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [
    'PAYLOAD_TOO_LARGE',
    'The body is larger than 256 KiB; move what is large into a dataset.',
  ],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'UNSUPPORTED_MEDIA_TYPE',
    'The body must be sent as Content-Type: application/json.',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'MALFORMED_BODY',
    'The body is not as long as its Content-Length says.',
  ],
  FST_ERR_MAX_PARAM_LENGTH: ['JOB_NOT_FOUND', 'No job has an id that is this long.'],
  FST_ERR_BAD_URL: ['INVALID_REQUEST', 'The path holds an escape that is not valid UTF-8.'],
};

/** Any error as one that may be told to the caller. What is not meant for callers becomes a 500. */
export function toTrainerError(error: unknown): TrainerError {
  if (error instanceof TrainerError) return error;
  // Anything can be thrown, also nothing.
  const { code = '', statusCode } = (error ?? {}) as { code?: string; statusCode?: number };
  const known = Object.hasOwn(FRAMEWORK_ERRORS, code) ? FRAMEWORK_ERRORS[code] : undefined;
  if (known !== undefined) return new TrainerError(...known);
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new TrainerError('MALFORMED_BODY', 'The request could not be read.', { cause: error });
  }
  return new TrainerError('INTERNAL_ERROR', 'Something went wrong on our side.', { cause: error });
}

/** Answers with a problem document as in RFC 9457, and logs what callers are not told. */
export function replyWithProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const problem = toTrainerError(error);
  if (problem.status >= 500)
    request.log.error({ err: error, code: problem.code }, 'request failed');
  else request.log.info({ code: problem.code }, 'request refused');
  if (problem.retryAfterSeconds !== undefined) {
    reply.header('retry-after', String(problem.retryAfterSeconds));
  }
  // What the framework refuses has passed no hook.
  reply.header('x-request-id', request.id);
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="trainer"');
  const body = JSON.stringify({ ...toProblem(problem), request_id: request.id });
  return reply.code(problem.status).type('application/problem+json').send(body);
}

export function toProblem({ code, status, message, violations }: TrainerError): Problem {
  return {
    type: `urn:trainer:error:${code.toLowerCase().replaceAll('_', '-')}`,
    title: TITLES[status] ?? 'Error',
    status,
    detail: message,
    code,
    errors: [...violations],
  };
}
