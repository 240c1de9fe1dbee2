import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { TrainerError } from '../../errors.ts';
import { assertPlainObject } from '../../requests/json-shape.ts';

export const MAX_BODY_BYTES = 256 * 1024;

/**
 * Reads JSON bodies. Not Fastify's own parser, since the messages of `JSON.parse` repeat the text
 * around the fault, which may be a credential.
 */
export function registerJsonBody(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES },
    (_request, bytes, done) => {
      try {
        done(null, parseJson(bytes));
      } catch (error) {
        done(error as Error);
      }
    },
  );
}

/** For routes that need no body: many clients send an empty one with a type, or `{}`. */
export function registerIgnoredBody(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES }, (_r, _b, done) =>
    done(null),
  );
}

function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new TrainerError('MALFORMED_BODY', 'The body is not valid UTF-8.');
  const text = bytes.toString();
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
