import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import { TOKEN_HEADER } from './auth.ts';

/** What pages of other origins may send and read besides what browsers allow everyone. */
const ALLOWED_HEADERS = [
  'authorization',
  'content-type',
  'last-event-id',
  TOKEN_HEADER,
  'x-request-id',
];
const EXPOSED_HEADERS = ['location', 'idempotent-replayed', 'retry-after', 'x-request-id'];
const PREFLIGHT_SECONDS = 600;

/** Lets pages of these origins call, with a token in a header; cookies play no part. */
export async function registerCors(
  app: FastifyInstance,
  origins: readonly string[],
): Promise<void> {
  if (origins.length === 0) return;
  const options = {
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
    allowedHeaders: ALLOWED_HEADERS,
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: PREFLIGHT_SECONDS,
    // It would be refused with a text instead of a problem document.
    strictPreflight: false,
  };
  await app.register(cors, {
    // What no page sent is none of its business, such as an OPTIONS that is no preflight.
    delegator: ({ headers }, done) =>
      done(null, headers.origin === undefined ? { origin: false } : options),
  });
}
