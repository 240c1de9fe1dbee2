import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../../metrics.ts';

/** Counts and times every request, by route, so that made-up paths make no labels. */
export function registerRequestMetrics(app: FastifyInstance, metrics: Metrics): void {
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    metrics.observeRequest(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
    done();
  });
}
