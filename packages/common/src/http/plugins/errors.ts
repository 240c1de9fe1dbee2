import type { FastifyReply, FastifyRequest } from 'fastify';
import { errors, isLogged, TrainerError } from '../../errors.ts';
import { toProblem } from '../../requests/problem.ts';
import { letAnswerArrive } from './lingering-close.ts';
import { toLoggedRequest } from './request-log.ts';

/** What the framework itself refuses, in our words: its own may repeat parts of the request. */
const FRAMEWORK_ERRORS: Readonly<Record<string, () => TrainerError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: errors.bodyTooLarge,
  FST_ERR_CTP_INVALID_MEDIA_TYPE: errors.mediaTypeUnsupported,
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: errors.bodyLengthWrong,
  FST_ERR_MAX_PARAM_LENGTH: errors.jobIdTooLong,
  FST_ERR_BAD_URL: errors.invalidPath,
};

/** Any error as one that a caller may see. What is not meant for callers becomes a 500. */
export function toTrainerError(error: unknown): TrainerError {
  if (error instanceof TrainerError) return error;
  // Anything can be thrown, also nothing.
  const { code = '', statusCode } = (error ?? {}) as { code?: string; statusCode?: number };
  const toKnown = Object.hasOwn(FRAMEWORK_ERRORS, code) ? FRAMEWORK_ERRORS[code] : undefined;
  if (toKnown !== undefined) return toKnown();
  const isRefusal = statusCode !== undefined && statusCode >= 400 && statusCode < 500;
  return isRefusal ? errors.unreadable(error) : errors.internal(error);
}

/** Whether it was refused for want of room, which says all that there is to say of it. */
function isShed({ code }: TrainerError): boolean {
  return code === 'OVERLOADED' || code === 'TOO_MANY_JOBS' || code === 'TOO_MANY_READERS';
}

/** Answers with a problem document as in RFC 9457, and logs what callers do not see. */
export function replyWithProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const problem = toTrainerError(error);
  const { code, status, retryAfterSeconds } = problem;
  if (isLogged(problem)) request.log.debug({ err: error, code }, 'request failed');
  else if (status >= 500 && !isShed(problem))
    request.log.error({ err: error, code }, 'request failed');
  else request.log.info({ code, ...toLoggedRequest(request) }, 'request refused');
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds));
  // What the framework refuses has passed no hook.
  reply.header('x-request-id', request.id);
  // Another replica may reach what this one does not.
  if (status === 503) reply.header('connection', 'close');
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="trainer"');
  letAnswerArrive(request, reply);
  const body = JSON.stringify(toProblem(problem, request.id));
  return reply.code(status).type('application/problem+json').send(body);
}
