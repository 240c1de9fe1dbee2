import { describe, expect, test } from 'vitest';
import { ERROR_CODES, ERRORS } from '../error-codes.ts';
import { errors, MAX_VIOLATIONS, TrainerError } from '../errors.ts';
import { ProblemSchema, toProblem } from './problem.ts';

describe('a problem document', () => {
  test.each(ERROR_CODES)('of %s is complete', (code) => {
    const violations = [{ path: 'a', message: 'A.' }];
    const error = new TrainerError(code, 'What is wrong.', { violations });
    const problem = toProblem(error, 'id');
    expect(ProblemSchema.parse(problem)).toEqual({
      type: `urn:trainer:error:${code.toLowerCase().replaceAll('_', '-')}`,
      title: expect.stringMatching(/^[A-Z]/),
      status: ERRORS[code].status,
      detail: 'What is wrong.',
      code,
      errors: violations,
      request_id: 'id',
    });
  });

  test('of several violations says all of them in its detail', () => {
    const violations = ['a', 'b'].map((path) => ({ path, message: `${path} is wrong.` }));
    expect(toProblem(errors.invalid(violations), 'id')).toMatchObject({
      status: 400,
      detail: 'a is wrong. b is wrong.',
      errors: violations,
    });
  });

  test('of very many violations stays small and says that there are more', () => {
    const violations = Array.from({ length: 5000 }, () => ({ path: 'a', message: 'A.' }));
    const problem = toProblem(errors.invalid(violations), 'id');
    expect(problem.errors).toHaveLength(MAX_VIOLATIONS);
    expect(problem.detail).toContain('more violations');
    expect(problem.detail.length).toBeLessThan(1000);
  });
});
