import type { FastifyRequest } from 'fastify';
import type { Actor } from '../../jobs/job-event.ts';
import { type JobIdentity, toLogged } from '../../jobs/operator-lines.ts';
import { ANONYMOUS } from '../plugins/auth.ts';

/** Writes one line for what somebody had done to a job, with who that was; see docs/OPERATING.md. */
export function logAsked(
  request: FastifyRequest,
  message: string,
  job: JobIdentity,
  more: Readonly<Record<string, unknown>> = {},
): void {
  request.log.info({ ...toLogged(job), by: request.caller?.name, ...more }, message);
}

/** Who sent a request, as the history of a job tells it. */
export function actorOf({ caller = ANONYMOUS }: Pick<FastifyRequest, 'caller'>): Actor {
  return caller === ANONYMOUS ? { type: 'anonymous' } : { type: 'token', name: caller.name };
}
