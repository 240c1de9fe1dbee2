import type { Socket } from 'node:net';
import { TrainerError } from '../../errors.ts';
import { toProblem } from './problem.ts';

/** What Node could not read as a request, by its code; anything else is not HTTP. */
const KNOWN: Record<string, TrainerError> = {
  ERR_HTTP_REQUEST_TIMEOUT: new TrainerError(
    'REQUEST_TIMEOUT',
    'The request did not arrive whole in time.',
  ),
  HPE_HEADER_OVERFLOW: new TrainerError(
    'HEADERS_TOO_LARGE',
    'The headers of the request are larger than 16 KiB.',
  ),
};
const NOT_HTTP = new TrainerError('MALFORMED_BODY', 'This is not a whole HTTP/1.1 request.');

/** Answers what never became a request with a problem document too, and closes the connection. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const problem = toProblem(KNOWN[error.code ?? ''] ?? NOT_HTTP);
  const body = JSON.stringify(problem);
  if (socket.writable) {
    socket.write(
      `HTTP/1.1 ${problem.status} ${problem.title}\r\nConnection: close\r\n` +
        'Content-Type: application/problem+json; charset=utf-8\r\n' +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}
