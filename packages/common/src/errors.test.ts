import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ERROR_CODES, ERRORS } from './error-codes.ts';
import { errors, TrainerError } from './errors.ts';

const SOURCE = new URL('.', import.meta.url);

/** One of each, made as its callers do. */
function makeAll(): TrainerError[] {
  const refusal = errors.submissionRefused('No quota.');
  const argument: Partial<Record<keyof typeof errors, unknown>> = {
    invalid: [{ path: 'a', message: 'a is wrong.' }],
    jobConflict: ['a'],
    bodyNotJson: '(line 1 column 2)',
    refusalUncertain: refusal,
    jobIdImpossible: 'must be short',
    clusterUnreachable: {},
    clusterRefusesUs: {},
  };
  return Object.entries(errors).map(([name, make]) =>
    (make as (argument: unknown) => TrainerError)(
      argument[name as keyof typeof errors] ?? (make.length > 0 ? 'It is so.' : undefined),
    ),
  );
}

test('every code has an error that says something, and what it means', () => {
  const all = makeAll();
  expect(new Set(all.map(({ code }) => code))).toEqual(new Set(ERROR_CODES));
  for (const { message } of all) expect(message).toMatch(/^[A-Za-z].*\.$/);
  for (const { when } of Object.values(ERRORS)) expect(when).toMatch(/^[A-Z].*[^.]$/);
});

test('no sentence stands twice', () => {
  const sentences = makeAll().map(({ message }) => message);
  const free = sentences.filter((sentence) => sentence !== 'It is so.');
  expect(free).toEqual([...new Set(free)]);
});

test.each([
  ['the default of its code', errors.overloaded(), 5],
  ['what is given', errors.clusterUnreachable({ retryAfterSeconds: 17 }), 17],
  ['whole seconds', errors.rateLimited(0.2), 1],
  ['nothing where waiting does not help', errors.jobNotFound('x'), undefined],
])('Retry-After is %s', (_, { retryAfterSeconds }, expected) => {
  expect(retryAfterSeconds).toBe(expected);
});

test('every error that says to wait says how long', () => {
  for (const code of ERROR_CODES) {
    const { retryAfterSeconds } = new TrainerError(code, 'No.');
    expect([code, retryAfterSeconds !== undefined]).toEqual([
      code,
      ERRORS[code].when.includes('Retry-After'),
    ]);
  }
});

test('no other file has sentences for callers', () => {
  const elsewhere = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter(
    (file) =>
      file.endsWith('.ts') &&
      !file.endsWith('.test.ts') &&
      file !== 'errors.ts' &&
      readFileSync(new URL(file, SOURCE), 'utf8').includes('new TrainerError('),
  );
  expect(elsewhere).toEqual([]);
});
