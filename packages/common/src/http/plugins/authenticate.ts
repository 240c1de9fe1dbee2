import type { FastifyRequest } from 'fastify';
import { TrainerError } from '../../errors.ts';
import type { Tokens } from './tokens.ts';

export const TOKEN_HEADER = 'x-trainer-token';

/** A hook that lets through only requests with a known token, in either of the two headers. */
export function createAuthenticate(tokens: Tokens) {
  return async (request: FastifyRequest): Promise<void> => {
    if (tokens.isOpen) return;
    const given = readToken(request);
    if (given === undefined) {
      throw new TrainerError(
        'UNAUTHENTICATED',
        'A token is required, as X-TRAINER-TOKEN: <token> or Authorization: Bearer <token>.',
      );
    }
    if (!tokens.includes(given)) {
      throw new TrainerError('FORBIDDEN', 'The token is not one that this service accepts.');
    }
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
