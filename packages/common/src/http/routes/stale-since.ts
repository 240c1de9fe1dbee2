import type { FastifyReply } from 'fastify';
import type { JobAnswer } from '../../controller/job-views.ts';
import { toIsoTime } from '../../jobs/job-summary.ts';

/**
 * The field `stale_since` of an answer, where it has one. The connection is then closed, so that the
 * client finds another replica if only this one is cut off.
 */
export function toStaleSince(
  { staleSinceMs }: Pick<JobAnswer, 'staleSinceMs'>,
  reply: FastifyReply,
): { stale_since?: string | null } {
  if (staleSinceMs === undefined) return {};
  reply.header('connection', 'close');
  return { stale_since: toIsoTime(staleSinceMs) };
}
