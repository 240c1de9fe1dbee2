import type { FastifyInstance } from 'fastify';
import { TrainerError } from '../errors.ts';
import { assertPlainObject } from '../schemas/json-shape.ts';

export const MAX_BODY_BYTES = 256 * 1024;

/**
 * Reads JSON bodies. Not Fastify's own parser, since the messages of `JSON.parse` repeat the text
 * around the fault, which may be a credential.
 */
export function registerJsonBody(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>(
    'application/json',
    { parseAs: 'string', bodyLimit: MAX_BODY_BYTES },
    (_request, text, done) => {
      try {
        done(null, parseJson(text));
      } catch (error) {
        done(error as Error);
      }
    },
  );
}

function parseJson(text: string): unknown {
  if (text.trim() === '') {
    throw new TrainerError('MALFORMED_BODY', 'The body is empty; it must be one JSON object.');
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    const place = /\(line \d+ column \d+\)/.exec((error as Error).message)?.[0];
    throw new TrainerError(
      'MALFORMED_BODY',
      `The body is not valid JSON${place === undefined ? '' : ` ${place}`}; it must be one JSON object.`,
    );
  }
  assertPlainObject(body);
  return body;
}
