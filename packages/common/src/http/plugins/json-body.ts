import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { errors } from '../../errors.ts';
import { assertExactIntegers, examineJson } from '../../requests/json-text.ts';

export const MAX_BODY_BYTES = 256 * 1024;

export interface JsonBodyOptions {
  readonly maxBytes?: number;
  /** The media types that are JSON. */
  readonly types?: readonly string[];
}

/**
 * Reads JSON bodies. Not Fastify's own parser, since the messages of `JSON.parse` repeat the text
 * around the fault, which may be a credential. What the JSON holds is for the route to judge.
 */
export function registerJsonBody(
  app: FastifyInstance,
  { maxBytes = MAX_BODY_BYTES, types = ['application/json'] }: JsonBodyOptions = {},
): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>(
    [...types],
    { parseAs: 'buffer', bodyLimit: maxBytes },
    ({ headers }, bytes, done) => {
      try {
        assertNotEncoded(headers['content-encoding']);
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

function assertNotEncoded(encoding: string | undefined): void {
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return;
  throw errors.encodingUnsupported(/^[\w, -]{1,40}$/.test(encoding) ? encoding : undefined);
}

function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw errors.bodyNotUtf8();
  const text = bytes.toString();
  if (text.trim() === '') throw errors.emptyBody();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    const place = examineJson(text).fault;
    throw errors.bodyNotJson(place && `(line ${place.line} column ${place.column})`);
  }
  assertExactIntegers(text);
  return body;
}
