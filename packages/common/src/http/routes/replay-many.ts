import type { FastifyInstance } from 'fastify';
import type { Jobs } from '../../controller/jobs.ts';
import {
  type ReplayAnswer,
  ReplayAnswerSchema,
  type ReplayRequest,
  ReplayRequestSchema,
} from '../../requests/delivery-list.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';
import { actorOf, logAsked } from './asked-line.ts';

/** `POST /deliveries/replay`. */
export function registerReplayMany(app: FastifyInstance, jobs: Jobs): void {
  app.post<{ Body: ReplayRequest }>('/deliveries/replay', {
    schema: {
      tags: ['callbacks'],
      security: TOKEN_SECURITY,
      operationId: 'replayManyDeliveries',
      summary: 'Send the callbacks of many jobs again',
      description:
        'After a receiver was down: those of one state, or of some jobs, 1,000 at most; `next_cursor` leads on to the rest of a state. One that has changed its state meanwhile is left alone.',
      body: ReplayRequestSchema,
      response: {
        202: ReplayAnswerSchema.describe('They will be sent again, but for the refused'),
      },
      problems: ['INVALID_REQUEST', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'],
    },
    handler: async (request, reply): Promise<ReplayAnswer> => {
      const { state, cursor, job_ids: jobIds } = request.body;
      const { replayed, refused, nextCursor } = await jobs.replayCallbacks({
        ...{ state, cursor, jobIds },
        by: actorOf(request),
      });
      for (const record of replayed) logAsked(request, 'callback replayed', record);
      reply.code(202);
      return {
        replayed: replayed.map(({ id }) => id),
        refused: refused.map(({ jobId, error }) => ({
          ...{ job_id: jobId, code: error.code, detail: error.message },
        })),
        has_more: nextCursor !== undefined,
        next_cursor: nextCursor ?? null,
      };
    },
  });
}
