import { errors, type TrainerError } from '../errors.ts';

/** Deeper than any real request; recursion over a checked body cannot exhaust the stack. */
export const MAX_DEPTH = 64;
const FORBIDDEN_KEYS = ['__proto__', 'constructor', 'prototype'] as const;

/**
 * Refuses a body that is no JSON object, is nested too deeply, or holds a key that would reach an
 * object's prototype or a number beyond what can be read. Walks without recursion, so the body may be anything.
 * @throws TrainerError INVALID_REQUEST
 */
export function assertPlainObject(body: unknown): asserts body is Record<string, unknown> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw invalid('The body must be one JSON object.');
  }
  let level: object[] = [body];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) {
      throw invalid(`The body must not be nested deeper than ${MAX_DEPTH} levels.`);
    }
    const next: object[] = [];
    for (const container of level) {
      if (!Array.isArray(container)) {
        for (const key of FORBIDDEN_KEYS) {
          if (Object.hasOwn(container, key)) {
            throw invalid(`The body must not hold a key named ${key}.`);
          }
        }
      }
      for (const child of Object.values(container)) {
        if (typeof child === 'object' && child !== null) next.push(child);
        // JSON.parse reads 1e999 as Infinity, which would go on as null.
        if (child === Number.POSITIVE_INFINITY || child === Number.NEGATIVE_INFINITY) {
          throw invalid('The body must not hold a number that is too large to be read.');
        }
      }
    }
    level = next;
  }
}

function invalid(message: string): TrainerError {
  return errors.invalid([{ path: '', message }]);
}
