import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Metrics } from '../../metrics.ts';

const HealthSchema = z.object({ status: z.literal('ok') });
const ReadySchema = z.object({
  status: z.enum(['ready', 'not ready']),
  not_ready: z.array(z.string()).meta({ description: 'One sentence for each thing that is not' }),
});

export interface OperationsRoutesParts {
  /** Sentences on what is not ready; none when all is. */
  readonly unready: () => readonly string[];
  readonly metrics: Metrics;
}

/** The routes for those who run the service; none needs a token or tells of a job. */
export function registerOperationsRoutes(app: FastifyInstance, parts: OperationsRoutesParts): void {
  const quiet = { logLevel: 'warn', config: { rateLimit: false } } as const;

  app.get('/healthz', {
    ...quiet,
    schema: {
      tags: ['operations'],
      security: [],
      operationId: 'getHealth',
      summary: 'Is it alive?',
      response: { 200: HealthSchema.describe('It is') },
    },
    handler: async () => ({ status: 'ok' }),
  });

  app.get('/readyz', {
    ...quiet,
    schema: {
      tags: ['operations'],
      security: [],
      operationId: 'getReadiness',
      summary: 'Can it serve?',
      response: { 200: ReadySchema.describe('It can'), 503: ReadySchema.describe('It cannot yet') },
    },
    handler: async (_request, reply) => {
      const not_ready = [...parts.unready()];
      if (not_ready.length > 0) reply.code(503);
      return { status: not_ready.length === 0 ? 'ready' : 'not ready', not_ready };
    },
  });

  app.get('/metrics', {
    ...quiet,
    schema: {
      tags: ['operations'],
      security: [],
      operationId: 'getMetrics',
      summary: 'Prometheus metrics',
      produces: ['text/plain'],
      response: { 200: z.string().meta({ description: 'Prometheus text format' }) },
    },
    handler: async (_request, reply) =>
      reply.type(parts.metrics.registry.contentType).send(await parts.metrics.registry.metrics()),
  });
}
