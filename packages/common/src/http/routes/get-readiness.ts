import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { OPERATIONS_ROUTE } from './operations-route.ts';

const ReadinessSchema = z.object({
  status: z.enum(['ready', 'not ready']),
  not_ready: z.array(z.string()).meta({ description: 'One sentence for each thing that is not' }),
});

export interface GetReadinessParts {
  /** Sentences on what is not ready; none when all is. */
  readonly notReadyReasons: () => readonly string[];
}

/** `GET /readyz`. */
export function registerGetReadiness(
  app: FastifyInstance,
  { notReadyReasons }: GetReadinessParts,
): void {
  app.get('/readyz', {
    ...OPERATIONS_ROUTE,
    schema: {
      tags: ['operations'],
      security: [],
      operationId: 'getReadiness',
      summary: 'Can it serve?',
      response: {
        200: ReadinessSchema.describe('It can'),
        503: ReadinessSchema.describe('It cannot yet'),
      },
    },
    handler: async (_request, reply) => {
      const not_ready = [...notReadyReasons()];
      if (not_ready.length > 0) reply.code(503);
      return { status: not_ready.length === 0 ? 'ready' : 'not ready', not_ready };
    },
  });
}
