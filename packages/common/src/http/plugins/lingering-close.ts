import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { MAX_BODY_BYTES } from './json-body.ts';

/** What a client may still send, and for how long, after it was answered. */
const BOUNDS = { maxMs: 5000, maxBytes: 16 * 1024 * 1024 };
const CHECK_EVERY_MS = 50;

/**
 * Ends our side of a connection and drops what the client still sends, within bounds. Closing at
 * once would reset the connection, and with it an answer that the client has not read yet.
 */
export function closeLingering(socket: Socket, { maxMs, maxBytes } = BOUNDS): void {
  socket.end();
  socket.resume();
  const untilMs = performance.now() + maxMs;
  const untilBytes = socket.bytesRead + maxBytes;
  const checking = setInterval(() => {
    if (performance.now() > untilMs || socket.bytesRead > untilBytes) socket.destroy();
  }, CHECK_EVERY_MS);
  socket.once('close', () => clearInterval(checking));
}

/**
 * Sees to it that an answer to a body that is still being sent arrives. What is left of a small
 * one Node reads and drops, so that the connection can go on.
 */
export function letAnswerArrive({ raw }: FastifyRequest, reply: FastifyReply): void {
  const { 'content-length': length, 'transfer-encoding': encoding } = raw.headers;
  const hasBody = length !== undefined || encoding !== undefined;
  if (raw.complete || !hasBody) return;
  const goesOn = Number(length) <= MAX_BODY_BYTES && reply.getHeader('connection') !== 'close';
  if (goesOn) return;
  reply.header('connection', 'close');
  // How Node's server closes a connection once its last answer is written.
  raw.socket.destroySoon = () => closeLingering(raw.socket);
}
