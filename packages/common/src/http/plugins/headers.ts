import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';

/** For the docs page, which must work over plain http too, where TLS ends elsewhere or nowhere. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'self'",
  "img-src 'self' data:",
  "object-src 'none'",
  "script-src-attr 'none'",
  "style-src 'self' 'unsafe-inline'",
].join(';');
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** The request's own id, where it has a plain one, else a new one. */
export function toRequestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/** What every answer carries: the request's id, and what tells browsers to be careful. */
export async function registerHeaders(app: FastifyInstance): Promise<void> {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
    done();
  });
  // Helmet writes the policy anew for each answer, which costs a tenth of a poll.
  await app.register(helmet, { contentSecurityPolicy: false });
}
