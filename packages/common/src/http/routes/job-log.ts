import type { FastifyRequest } from 'fastify';
import type { Actor } from '../../jobs/job-event.ts';
import { type JobIdentity, toLogged } from '../../jobs/job-log.ts';
import { nameCaller } from '../plugins/auth.ts';
import type { Tokens } from '../plugins/tokens.ts';

/** Writes one line for what somebody had done to a job, with who that was; see docs/OPERATING.md. */
export type LogAsked = (
  request: FastifyRequest,
  message: string,
  job: JobIdentity,
  more?: Readonly<Record<string, unknown>>,
) => void;

export function createLogAsked(tokens: Tokens): LogAsked {
  return (request, message, job, more = {}) => {
    request.log.info({ ...toLogged(job), by: nameCaller(request, tokens), ...more }, message);
  };
}

/** Who sent a request, as the history of a job tells it. */
export type ActorOf = (request: FastifyRequest) => Actor;

export function createActorOf(tokens: Tokens): ActorOf {
  return (request) =>
    tokens.isOpen ? { type: 'anonymous' } : { type: 'token', name: nameCaller(request, tokens) };
}

/** What routes by which somebody has something done need to know of that somebody. */
export interface Asking {
  readonly logAsked: LogAsked;
  readonly actorOf: ActorOf;
}
