import { expect, test } from 'vitest';
import { type Changes, makeBody, parseValid } from '../../test/builders.ts';
import { isRepeated, nameDifferences, toAskedForms, toFingerprints } from './asked-forms.ts';

const formsOf = (changes: Changes) => {
  const body = makeBody(changes);
  return toAskedForms(body, parseValid(body));
};
const RAW = { 'datasets.0.source': 'abfss://raw@account.dfs.core.windows.net/a.jsonl' };
const CURATED = { 'datasets.0.source': 'abfss://curated@account.dfs.core.windows.net/a.jsonl' };

test('another container is another request, and it is named', () => {
  const record = toFingerprints(formsOf(RAW));
  expect(isRepeated(record, formsOf(RAW))).toBe(true);
  expect(isRepeated(record, formsOf(CURATED))).toBe(false);
  expect(nameDifferences(formsOf(RAW), formsOf(CURATED))).toEqual(['datasets']);
});

test('a record of the first release is compared as that release does, also once it is upgraded', () => {
  const { fingerprint } = toFingerprints(formsOf(RAW));
  const ofFirstRelease = { fingerprint, fingerprint2: undefined };
  expect(isRepeated(ofFirstRelease, formsOf(RAW))).toBe(true);
  expect(isRepeated(ofFirstRelease, formsOf({ ...RAW, 'resources.gpus': 2 }))).toBe(false);
  const kept = { first: formsOf(RAW).first, second: undefined };
  expect(nameDifferences(kept, formsOf({ ...RAW, 'resources.gpus': 2 }))).toEqual([
    'resources.gpus',
  ]);
});

test('the first release knows its requests again in records of this one', () => {
  // It compares this text alone.
  const { fingerprint } = toFingerprints(formsOf(RAW));
  expect(toFingerprints(formsOf({ ...RAW, 'artifacts.auth': { token: 'fresh' } }))).toMatchObject({
    fingerprint,
  });
});

test('a retry with an empty text across an upgrade is a repetition for both releases', () => {
  const plain = toFingerprints(formsOf({}));
  expect(isRepeated(plain, formsOf({ 'artifacts.auth': { aws_region: '' } }))).toBe(true);
});
