import type { FastifyReply, FastifyRequest } from 'fastify';
import { onceClosed } from './once-closed.ts';
import { toLogLine } from './request-log.ts';

/** As proxies write it: the client was gone before there was an answer. */
const CLIENT_LEFT = 499;

/** Writes the line of a request whose reader leaves before the end, which is none of its answer's. */
export function logLeaving(request: FastifyRequest, reply: FastifyReply): void {
  const { raw } = reply;
  onceClosed(raw, () => {
    if (raw.writableFinished) return;
    const line = toLogLine(request, reply);
    request.log.info(
      { ...line, status: raw.headersSent ? line.status : CLIENT_LEFT },
      'reader left',
    );
  });
}
