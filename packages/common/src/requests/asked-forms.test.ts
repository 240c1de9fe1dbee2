import { expect, test } from 'vitest';
import { type Changes, makeBody, parseValid } from '../../test/builders.ts';
import { identifyRequest, isRepeated, nameDifferences } from './asked-forms.ts';

const identify = (changes: Changes) => {
  const body = makeBody(changes);
  return identifyRequest(body, parseValid(body));
};
const formsOf = (changes: Changes) => identify(changes).asked;
const printsOf = (changes: Changes) => identify(changes).fingerprints;
const RAW = { 'datasets.0.source': 'abfss://raw@account.dfs.core.windows.net/a.jsonl' };
const CURATED = { 'datasets.0.source': 'abfss://curated@account.dfs.core.windows.net/a.jsonl' };

test('another container is another request, and it is named', () => {
  const record = printsOf(RAW);
  expect(isRepeated(record, printsOf(RAW))).toBe(true);
  expect(isRepeated(record, printsOf(CURATED))).toBe(false);
  expect(nameDifferences(formsOf(RAW), formsOf(CURATED))).toEqual(['datasets']);
});

test('a record of the first release is compared as that release does, also once it is upgraded', () => {
  const { fingerprint } = printsOf(RAW);
  const ofFirstRelease = { fingerprint, fingerprint2: undefined };
  expect(isRepeated(ofFirstRelease, printsOf(RAW))).toBe(true);
  expect(isRepeated(ofFirstRelease, printsOf({ ...RAW, 'resources.gpus': 2 }))).toBe(false);
  const kept = { first: formsOf(RAW).first, second: undefined };
  expect(nameDifferences(kept, formsOf({ ...RAW, 'resources.gpus': 2 }))).toEqual([
    'resources.gpus',
  ]);
});

test('the first release knows its requests again in records of this one', () => {
  // It compares this text alone.
  const { fingerprint } = printsOf(RAW);
  expect(printsOf({ ...RAW, 'artifacts.auth': { token: 'fresh' } })).toMatchObject({
    fingerprint,
  });
});

test('a retry with an empty text across an upgrade is a repetition for both releases', () => {
  const plain = printsOf({});
  expect(isRepeated(plain, printsOf({ 'artifacts.auth': { aws_region: '' } }))).toBe(true);
});

test('credentials of a command line count for neither form that is kept, nor as what was asked', () => {
  const withToken = (token: string) => ({
    'extra_parameters.trainer_args': ['--hub_token', token, '--epochs', '3', `--api-key=${token}`],
  });
  expect(JSON.stringify(formsOf(withToken('S3cr3t')))).not.toContain('S3cr3t');
  expect(isRepeated(printsOf(withToken('one')), printsOf(withToken('two')))).toBe(true);
  const { fingerprint } = printsOf(withToken('one'));
  expect(printsOf(withToken('two')).fingerprint).not.toBe(fingerprint);
});
