import type { FastifyInstance, FastifyRequest } from 'fastify';
import { errors } from '../../errors.ts';
import type { Caller } from './token-list.ts';
import type { Tokens } from './tokens.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who sent it; undefined where nobody is asked for a token, or before a good one was seen. */
    caller: Caller | undefined;
  }
}

export const TOKEN_HEADER = 'x-trainer-token';

/** Who calls where nobody needs a token. */
export const ANONYMOUS: Caller = Object.freeze({ name: 'anonymous', mayWrite: true });

/** What a token of TRAINER_READ_TOKENS is good for. */
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** Lets through only requests with a token that is good for them, in either of the two headers. */
export function registerAuthentication(app: FastifyInstance, tokens: Tokens): void {
  app.decorateRequest('caller');
  app.addHook('preParsing', (request, _reply, _body, done) => done(authenticate(request, tokens)));
}

function authenticate(request: FastifyRequest, tokens: Tokens): Error | undefined {
  if (tokens.isOpen) {
    request.caller = ANONYMOUS;
    return undefined;
  }
  const given = readToken(request);
  if (given === undefined) return errors.tokenMissing();
  request.caller = tokens.callerOf(given);
  if (request.caller === undefined) return errors.tokenWrong();
  const isGood = request.caller.mayWrite || READING.has(request.method);
  return isGood ? undefined : errors.tokenReadsOnly(request.method);
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
