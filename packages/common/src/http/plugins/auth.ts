import type { FastifyRequest } from 'fastify';
import { errors } from '../../errors.ts';
import type { Tokens } from './tokens.ts';

export const TOKEN_HEADER = 'x-trainer-token';

/** What a token of TRAINER_READ_TOKENS is good for. */
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** A hook that lets through only requests with a token that is good for them, in either of the two headers. */
export function createAuthenticate(tokens: Tokens) {
  return (request: FastifyRequest, _reply: unknown, _body: unknown, done: Done): void => {
    done(tokens.isOpen ? undefined : refuse(request, tokens));
  };
}

type Done = (error?: Error) => void;

function refuse(request: FastifyRequest, tokens: Tokens): Error | undefined {
  const given = readToken(request);
  if (given === undefined) return errors.tokenMissing();
  if (tokens.includes(given)) return undefined;
  if (!tokens.mayRead(given)) return errors.tokenWrong();
  return READING.has(request.method) ? undefined : errors.tokenReadsOnly(request.method);
}

/** What the sender of a request that was let in is called in the log. */
export function nameCaller(request: FastifyRequest, tokens: Tokens): string {
  const given = readToken(request);
  return (given === undefined ? undefined : tokens.nameOf(given)) ?? 'anonymous';
}

/**
 * The token of a request, from either header. Clients that only rename their Authorization header
 * send the scheme in ours too.
 */
export function readToken({ headers }: FastifyRequest): string | undefined {
  const own = headers[TOKEN_HEADER];
  if (typeof own === 'string' && own !== '') return withoutScheme(own) ?? own;
  return withoutScheme(headers.authorization ?? '');
}

function withoutScheme(header: string): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(header)?.[1];
}
