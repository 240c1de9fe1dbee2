import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../../metrics.ts';
import { STREAM_TYPE } from './event-stream.ts';

/**
 * Counts and times every request, by route, so that made-up paths make no labels. How long a stream
 * was open says nothing of how fast answers are.
 */
export function registerRequestMetrics(app: FastifyInstance, metrics: Metrics): void {
  app.addHook('onResponse', (request, reply, done) => {
    if (reply.getHeader('content-type') === STREAM_TYPE) {
      done();
      return;
    }
    const route = request.routeOptions.url ?? 'none';
    metrics.observeRequest(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
    done();
  });
}
