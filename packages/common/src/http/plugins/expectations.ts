import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { errors } from '../../errors.ts';

/** Answers an `Expect` header that cannot be met like every other refusal, instead of Node's way. */
export function registerExpectations(app: FastifyInstance): void {
  const unmet = new WeakSet<IncomingMessage>();
  app.server.on('checkExpectation', (request, response) => {
    unmet.add(request);
    app.server.emit('request', request, response);
  });
  app.addHook('onRequest', (request, reply, done) => {
    if (!unmet.has(request.raw)) return done();
    // The client may now leave out the body, so that nobody knows where the next request begins.
    reply.header('connection', 'close');
    done(errors.expectationFailed());
  });
}
