import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { OPERATIONS_ROUTE } from './operations-route.ts';

const HealthSchema = z.object({ status: z.literal('ok') });

/** `GET /healthz`. */
export function registerGetHealth(app: FastifyInstance): void {
  app.get('/healthz', {
    ...OPERATIONS_ROUTE,
    schema: {
      tags: ['operations'],
      security: [],
      operationId: 'getHealth',
      summary: 'Is it alive?',
      response: { 200: HealthSchema.describe('It is') },
    },
    handler: async () => ({ status: 'ok' }),
  });
}
