import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../error-codes.ts';
import { errors } from '../../errors.ts';
import { toProblem } from '../../requests/problem.ts';
import { replyWithProblem, toTrainerError } from './errors.ts';

describe('an error that is not ours', () => {
  const SECRET = 'S3CR3T';
  const framework = (code: string | undefined, statusCode?: number) =>
    Object.assign(new Error(`near ${SECRET}`), { code, statusCode });

  test.each<[string, unknown, ErrorCode]>([
    ['a large body', framework('FST_ERR_CTP_BODY_TOO_LARGE', 413), 'PAYLOAD_TOO_LARGE'],
    ['a media type', framework('FST_ERR_CTP_INVALID_MEDIA_TYPE', 415), 'UNSUPPORTED_MEDIA_TYPE'],
    ['a bad escape', framework('FST_ERR_BAD_URL', 400), 'INVALID_REQUEST'],
    ['another refusal', framework('FST_ERR_ANY', 400), 'MALFORMED_BODY'],
    ['a fault', framework(undefined), 'INTERNAL_ERROR'],
    ['a fault with a status', framework(undefined, 503), 'INTERNAL_ERROR'],
    ['a text', SECRET, 'INTERNAL_ERROR'],
    ['a code of a prototype', framework('constructor', 500), 'INTERNAL_ERROR'],
  ])('is told in our words: %s', (_, error, code) => {
    const known = toTrainerError(error);
    expect(known.code).toBe(code);
    expect(JSON.stringify(toProblem(known, 'id'))).not.toMatch(/S3CR3T|stack|near/);
    expect(known.message).toMatch(/^[A-Z].*\.$/);
  });

  test('of nothing at all is a fault too', () => {
    expect(toTrainerError(undefined).code).toBe('INTERNAL_ERROR');
    expect(toTrainerError(null).code).toBe('INTERNAL_ERROR');
  });

  test('that is ours goes out as it is', () => {
    const error = errors.jobNotFound('x');
    expect(toTrainerError(error)).toBe(error);
  });
});

test.each([errors.overloaded(), errors.tooManyJobs(1)])(
  'is no error with a stack: $code',
  (error) => {
    const lines: unknown[][] = [];
    const note =
      (level: string) =>
      (...line: unknown[]) =>
        lines.push([level, ...line]);
    const reply = { header: () => reply, code: () => reply, type: () => reply, send: () => reply };
    const log = { info: note('info'), error: note('error'), debug: note('debug') };
    const raw = { complete: true, headers: {} };
    replyWithProblem(error, { log, id: 'r', params: {}, raw } as never, reply as never);
    expect(lines).toEqual([['info', { code: error.code }, 'request refused']]);
  },
);
