import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { OPERATIONS_ROUTE } from './operations-route.ts';

const ReadinessSchema = z.object({
  status: z.enum(['ready', 'not ready']),
  not_ready: z.array(z.string()).meta({ description: 'One sentence for each thing that is not' }),
  degraded: z.array(z.string()).meta({
    description:
      'One sentence for each thing that does not work as it should, although it can serve; no reason to take it out of service where all replicas share the cause',
  }),
});

export interface GetReadinessParts {
  /** Sentences on what is not ready; none when all is. */
  readonly notReadyReasons: () => readonly string[];
  /** Sentences on what does not work as it should and keeps nobody from serving. */
  readonly degradedReasons: () => readonly string[];
}

/** `GET /readyz`. */
export function registerGetReadiness(
  app: FastifyInstance,
  { notReadyReasons, degradedReasons }: GetReadinessParts,
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
      const degraded = [...degradedReasons()];
      return { status: not_ready.length === 0 ? 'ready' : 'not ready', not_ready, degraded };
    },
  });
}
