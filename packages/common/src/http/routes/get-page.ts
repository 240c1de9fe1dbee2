import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { PageFile, Peer } from './page-files.ts';

export interface GetPageParts {
  readonly files: readonly PageFile[];
  readonly peers: readonly Peer[];
}

/** `GET /` and the files that it needs. The page knows nothing of jobs; it asks the API for them. */
export function registerGetPage(app: FastifyInstance, { files, peers }: GetPageParts): void {
  const policy = toContentSecurityPolicy(peers);
  for (const file of files) {
    app.get(file.path, {
      logLevel: 'warn',
      schema: { hide: true },
      handler: (request, reply) => {
        reply.header('content-security-policy', policy);
        return sendFile(file, request, reply);
      },
    });
  }
}

function sendFile(file: PageFile, { headers }: FastifyRequest, reply: FastifyReply): FastifyReply {
  // Replicas of two versions may answer for one page: every load asks whether its files still hold.
  reply.headers({ 'cache-control': 'no-cache', etag: file.etag, vary: 'accept-encoding' });
  if (headers['if-none-match'] === file.etag) return reply.code(304).send();
  reply.type(file.contentType);
  if (!/\bgzip\b/.test(headers['accept-encoding'] ?? '')) return reply.send(file.content);
  return reply.header('content-encoding', 'gzip').send(file.gzipped);
}

/** The page's own files only, and requests to this service and its peers only. */
function toContentSecurityPolicy(peers: readonly Peer[]): string {
  return [
    "default-src 'none'",
    "base-uri 'none'",
    ["connect-src 'self'", ...peers.map(({ origin }) => origin)].join(' '),
    "form-action 'none'",
    "frame-ancestors 'self'",
    "img-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
  ].join(';');
}
