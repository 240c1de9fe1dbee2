import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import { errors, type TrainerError } from '../../errors.ts';
import { toProblem } from '../../requests/problem.ts';
import { closeLingering } from './lingering-close.ts';

/** What Node could not read as a request, by its code; anything else is not HTTP. */
const KNOWN: Readonly<Record<string, () => TrainerError>> = {
  ERR_HTTP_REQUEST_TIMEOUT: errors.requestTimeout,
  HPE_HEADER_OVERFLOW: errors.headersTooLarge,
};

/**
 * Answers what never became a request with a problem document too, and closes the connection. No
 * header could be read, so the answer's request id is a new one, which the log knows.
 */
export function createAnswerClientError(logger: FastifyBaseLogger) {
  return (error: Error & { code?: string }, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || socket.destroyed || socket.writableEnded) return;
    const toKnown = KNOWN[error.code ?? ''] ?? errors.notHttp;
    const requestId = randomUUID();
    const problem = toProblem(toKnown(), requestId);
    logger.info({ request_id: requestId, code: problem.code }, 'request refused');
    const body = JSON.stringify(problem);
    socket.write(
      `HTTP/1.1 ${problem.status} ${problem.title}\r\nConnection: close\r\n` +
        `X-Request-Id: ${requestId}\r\n` +
        'Content-Type: application/problem+json; charset=utf-8\r\n' +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
    closeLingering(socket);
  };
}
