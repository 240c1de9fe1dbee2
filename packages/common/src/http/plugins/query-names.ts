import type { FastifyInstance } from 'fastify';
import { z } from 'zod';

/** They had clients before any route refused a name, and what those send stays ignored. */
const ALL_NAMES_ALLOWED: ReadonlySet<string> = new Set([
  'submitJob',
  'getJob',
  'cancelJob',
  'getDeliveries',
  'replayDeliveries',
  'getHealth',
  'getReadiness',
  'getMetrics',
]);

/**
 * Has all routes that are registered after it refuse the query names that they do not list: one that
 * is dropped would show or do more than was asked for.
 */
export function registerQueryNames(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    const { operationId, querystring } = route.schema ?? {};
    if (operationId === undefined || ALL_NAMES_ALLOWED.has(operationId)) return;
    const listed = querystring instanceof z.ZodObject ? querystring : z.object({});
    route.schema = { ...route.schema, querystring: listed.strict() };
  });
}
