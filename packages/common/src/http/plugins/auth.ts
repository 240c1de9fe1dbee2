import type { FastifyRequest } from 'fastify';
import { errors } from '../../errors.ts';
import type { Tokens } from './tokens.ts';

export const TOKEN_HEADER = 'x-trainer-token';

/** A hook that lets through only requests with a known token, in either of the two headers. */
export function createAuthenticate(tokens: Tokens) {
  return async (request: FastifyRequest): Promise<void> => {
    if (tokens.isOpen) return;
    const given = readToken(request);
    if (given === undefined) throw errors.tokenMissing();
    if (!tokens.includes(given)) throw errors.tokenWrong();
  };
}

/** Clients that only rename their Authorization header send the scheme in ours too. */
function readToken({ headers }: FastifyRequest): string | undefined {
  const own = headers[TOKEN_HEADER];
  if (typeof own === 'string' && own !== '') return withoutScheme(own) ?? own;
  return withoutScheme(headers.authorization ?? '');
}

function withoutScheme(header: string): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(header)?.[1];
}
