import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ERROR_CODES, ERRORS } from './error-codes.ts';
import { errors, TrainerError } from './errors.ts';

const SOURCE = new URL('.', import.meta.url);

const ARGUMENTS: { [Name in keyof typeof errors]: Parameters<(typeof errors)[Name]> } = {
  invalid: [[{ path: 'a', message: 'a is wrong.' }]],
  resumeMismatch: ['job-1', ['base_model.model_name']],
  invalidPath: [],
  emptyBody: [],
  bodyNotUtf8: [],
  bodyNotJson: ['(line 1 column 2)'],
  bodyLengthWrong: [],
  notHttp: [],
  unreadable: [undefined],
  submissionRefused: ['No quota.'],
  tokenMissing: [],
  tokenWrong: [],
  tokenReadsOnly: ['POST'],
  hostNotAllowed: ['Host'],
  jobNotFound: ['x'],
  jobIdImpossible: ['must be short'],
  jobIdTooLong: [],
  routeNotFound: ['GET'],
  methodNotAllowed: ['PUT', ['GET', 'HEAD']],
  requestTimeout: [],
  jobConflict: [['a']],
  jobNameTaken: ['Something else has this name.'],
  jobNotEnded: ['x'],
  rerunTooEarly: ['x'],
  requestNotKept: ['x'],
  checkpointMissing: ['x'],
  storedCredentialsGone: ['x', ['a']],
  jobBeingStopped: ['x'],
  callbackUndelivered: ['x'],
  nothingToReplay: ['x'],
  webhookAuthGone: ['x'],
  callbackSettled: ['x'],
  callbackGone: ['x'],
  callbackUnreadable: ['x'],
  callbackWithoutWebhook: [],
  bodyTooLarge: [],
  requestTooLarge: [96],
  recordTooLarge: [],
  mediaTypeUnsupported: [],
  encodingUnsupported: ['gzip'],
  expectationFailed: [],
  rateLimited: [60],
  reportTokenMissing: [],
  reportTokenWrong: [],
  reportsTooOften: [],
  reportOutdated: [2],
  reportTooLarge: [],
  headersTooLarge: [],
  internal: [],
  overloaded: [],
  tooManyLogReaders: [50],
  tooManyJobs: [7],
  clusterUnreachable: [],
  clusterRefusesUs: [],
  recordsUnavailable: ['the disk is full', undefined],
  kubeflowNotInstalled: [],
  startForbidden: ['It may not.'],
  startOutdated: ['It has changed.'],
  refusalUncertain: [errors.submissionRefused('No memory')],
  jobJustDeleted: [],
  jobBeingDeleted: [],
  jobChangesTooFast: [],
};
const ALL = Object.entries(errors).map(([name, make]) => {
  const given: readonly unknown[] = ARGUMENTS[name as keyof typeof errors];
  return (make as (...given: readonly unknown[]) => TrainerError)(...given);
});

test('every code has an error that says something, and what it means', () => {
  expect(new Set(ALL.map(({ code }) => code))).toEqual(new Set(ERROR_CODES));
  for (const { message } of ALL) expect(message).toMatch(/^[A-Za-z].*\.$/);
  for (const { when } of Object.values(ERRORS)) expect(when).toMatch(/^[A-Z].*[^.]$/);
});

test('no sentence stands twice', () => {
  const sentences = ALL.map(({ message }) => message);
  expect(sentences).toEqual([...new Set(sentences)]);
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
