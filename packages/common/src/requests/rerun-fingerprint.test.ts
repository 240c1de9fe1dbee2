import { expect, test } from 'vitest';
import { toRerunFingerprint } from './rerun-fingerprint.ts';

const of = (changes: Record<string, unknown>, asked = {}) =>
  toRerunFingerprint({ parentId: 'a', jobId: 'a-r2', from: 'start', changes, ...asked });

const env = (trainer_env: unknown) => ({ extra_parameters: { trainer_env } });
const source = (query: string) => ({
  datasets: [{ source: `https://data.test/a.jsonl?${query}` }],
});

test.each([
  ['the order of keys', { a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 }],
  [
    'a fresh token',
    { base_model: { huggingface_token: 'one' } },
    { base_model: { huggingface_token: 'two' } },
  ],
  ['a fresh signature', source('versionId=1&sig=a&se=b'), source('versionId=1&sig=c&se=d')],
  ['a fresh credential of the environment', env({ API_KEY: 'a' }), env({ API_KEY: 'b' })],
  ['a list of variables', env({ A: 'x' }), env([{ name: 'A', value: 'x' }])],
  [
    'a fresh credential of a command',
    { extra_parameters: { trainer_args: ['--api-key', 'a'] } },
    { extra_parameters: { trainer_args: ['--api-key', 'b'] } },
  ],
])('is the same with %s', (_name, one, other) => {
  expect(of(one)).toBe(of(other));
});

test.each([
  ['another value', { resources: { gpus: 1 } }, { resources: { gpus: 2 } }],
  ['something taken away', {}, { resources: null }],
  ['another part of a list', { datasets: [{ split: 'a' }] }, { datasets: [{ split: 'b' }] }],
  ['a token taken away', { base_model: { auth_token: 'a' } }, { base_model: { auth_token: null } }],
  ['another version of an object', source('versionId=1'), source('versionId=2')],
  ['another value of a variable', env({ MODE: 'a' }), env({ MODE: 'b' })],
])('is another with %s', (_name, one, other) => {
  expect(of(one)).not.toBe(of(other));
});

test('is another for another job, and another start', () => {
  expect(of({}, { parentId: 'b' })).not.toBe(of({}));
  expect(of({}, { from: 'checkpoint' })).not.toBe(of({}));
});

test('shows nothing of a short value that may be secret', () => {
  expect(of(env({ PIN: '1234' }), { jobId: 'x' })).not.toBe(
    of(env({ PIN: '1234' }), { jobId: 'y' }),
  );
});
