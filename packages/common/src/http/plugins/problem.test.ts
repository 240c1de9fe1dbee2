import { describe, expect, test } from 'vitest';
import { ERROR_STATUS, type ErrorCode, MAX_VIOLATIONS, TrainerError } from '../../errors.ts';
import { ProblemSchema } from '../../requests/problem.ts';
import { toProblem, toTrainerError } from './problem.ts';

const CODES = Object.keys(ERROR_STATUS) as ErrorCode[];

describe('a problem document', () => {
  test.each(CODES)('of %s is complete', (code) => {
    const violations = [{ path: 'a', message: 'A.' }];
    const problem = toProblem(new TrainerError(code, 'What is wrong.', { violations }));
    expect(ProblemSchema.parse(problem)).toEqual({
      type: `urn:trainer:error:${code.toLowerCase().replaceAll('_', '-')}`,
      title: expect.stringMatching(/^[A-Z]/),
      status: ERROR_STATUS[code],
      detail: 'What is wrong.',
      code,
      errors: violations,
    });
    expect(problem.title).not.toBe('Error');
  });

  test('of several violations says all of them in its detail', () => {
    const violations = ['a', 'b'].map((path) => ({ path, message: `${path} is wrong.` }));
    expect(toProblem(TrainerError.invalid(violations))).toMatchObject({
      status: 400,
      detail: 'a is wrong. b is wrong.',
      errors: violations,
    });
  });

  test('of very many violations stays small and says that there are more', () => {
    const violations = Array.from({ length: 5000 }, () => ({ path: 'a', message: 'A.' }));
    const { detail, errors } = toProblem(TrainerError.invalid(violations));
    expect(errors).toHaveLength(MAX_VIOLATIONS);
    expect(detail).toContain('more violations');
    expect(detail.length).toBeLessThan(1000);
  });
});

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
    expect(JSON.stringify(toProblem(known))).not.toMatch(/S3CR3T|stack|near/);
    expect(known.message).toMatch(/^[A-Z].*\.$/);
  });

  test('of nothing at all is a fault too', () => {
    expect(toTrainerError(undefined).code).toBe('INTERNAL_ERROR');
    expect(toTrainerError(null).code).toBe('INTERNAL_ERROR');
  });

  test('that is ours goes out as it is', () => {
    const error = new TrainerError('JOB_NOT_FOUND', 'No.');
    expect(toTrainerError(error)).toBe(error);
  });
});
