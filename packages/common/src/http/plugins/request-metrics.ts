import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Metrics } from '../../metrics.ts';
import { STREAM_TYPE } from './event-stream.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its answers last for as long as somebody reads them, so that their time says nothing. */
    readonly isStream?: boolean;
  }
}

/**
 * Counts and times every request, by route, so that made-up paths make no labels. How long a stream
 * was open says nothing of how fast answers are; of those that say so, it is the time until it began.
 */
export function registerRequestMetrics(app: FastifyInstance, metrics: Metrics): void {
  const observe = (request: FastifyRequest, reply: FastifyReply) => {
    const route = request.routeOptions.url ?? 'none';
    metrics.observeRequest(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
  };
  app.addHook('onRoute', (route) => {
    if (!route.config?.isStream) return;
    route.onSend = [
      ...[route.onSend ?? []].flat(),
      async (request: FastifyRequest, reply: FastifyReply) => observe(request, reply),
    ];
  });
  app.addHook('onResponse', (request, reply, done) => {
    const isStream = reply.getHeader('content-type') === STREAM_TYPE;
    if (!isStream && !request.routeOptions.config.isStream) observe(request, reply);
    done();
  });
}
