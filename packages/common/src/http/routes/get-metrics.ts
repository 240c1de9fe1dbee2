import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Metrics } from '../../metrics.ts';
import { OPERATIONS_ROUTE } from './operations-route.ts';

/** `GET /metrics`. */
export function registerGetMetrics(app: FastifyInstance, { registry }: Metrics): void {
  app.get('/metrics', {
    ...OPERATIONS_ROUTE,
    schema: {
      tags: ['operations'],
      security: [],
      operationId: 'getMetrics',
      summary: 'Prometheus metrics',
      produces: ['text/plain'],
      response: { 200: z.string().meta({ description: 'Prometheus text format' }) },
    },
    handler: async (_request, reply) =>
      reply.type(registry.contentType).send(await registry.metrics()),
  });
}
