import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Changes, makeBody, parseValid } from '../../test/builders.ts';
import { identifyRequest, isRepeated, nameDifferences } from './asked-forms.ts';
import { toFingerprint } from './canonical-request.ts';
import { dropCredentials } from './credential-fields.ts';
import { REQUEST_CREDENTIALS } from './credential-names.ts';
import { toFirstForm } from './first-canonical-form.ts';

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

/** Whatever the two forms write in another way, or might. */
const UNLIKE: readonly Changes[] = [
  RAW,
  { 'datasets.0.source': 's3://bucket/data.jsonl?versionId=A' },
  { 'datasets.0.format': 'auto' },
  { 'datasets.0.split': '' },
  { 'artifacts.auth': { aws_region: '', token: 'S3cr3t-token' } },
  { 'base_model.huggingface_token': 'hf_token', 'base_model.weights_url': null },
  { 'customization.lora': { rank: 16, target_modules: [] } },
  { 'customization.target_modules': [] },
  { 'tuning_parameters.num_train_epochs': 3 },
  { 'tuning_parameters.image_token': '<image>' },
  { 'tuning_parameters.hub_token': 'S3cr3t' },
  { 'tuning_parameters.note': '', 'tuning_parameters.extra': {} },
  { 'tuning_parameters.gradient_checkpointing': true },
  { 'extra_parameters.resources_per_node': { cpu: 8 } },
  { 'extra_parameters.trainer_args': ['--hub_token', 'S3cr3t', '--epochs', '3'] },
  { 'extra_parameters.command': 'python train.py' },
  { 'extra_parameters.trainer_env': { B: 'two', A_TOKEN: 'one' } },
  { 'extra_parameters.trainer_env': {}, 'extra_parameters.queue_name': 'fast' },
  { 'callbacks.webhook_url': 'https://hook/x?s=1', 'callbacks.auth_header': 'Bearer x' },
  { resources: null, unknown: { api_key: 'S3cr3t' } },
];

test('the first form is that of the first release, also where it is not written by itself', () => {
  fc.assert(
    fc.property(fc.subarray([...UNLIKE]), (changes) => {
      const body = makeBody(Object.assign({}, ...changes));
      const request = parseValid(body);
      const { asked, fingerprints } = identifyRequest(body, request);
      const unmarked = dropCredentials(body, REQUEST_CREDENTIALS, { keepsNames: false });
      const first = toFirstForm(unmarked as typeof body, request);
      expect(fingerprints.fingerprint).toBe(toFingerprint(first));
      expect(Object.keys(asked.first)).toEqual(Object.keys(first));
    }),
    { numRuns: 200 },
  );
  // Each by itself, too.
  for (const changes of UNLIKE) {
    const body = makeBody(changes);
    const unmarked = dropCredentials(body, REQUEST_CREDENTIALS, { keepsNames: false });
    const first = toFirstForm(unmarked as typeof body, parseValid(body));
    expect(identify(changes).fingerprints.fingerprint).toBe(toFingerprint(first));
  }
});

test('a nearly usual request is one form, kept and hashed once', () => {
  const { asked, fingerprints } = identify({});
  expect(asked.first).toBe(asked.second);
  expect(fingerprints.fingerprint).toBe(fingerprints.fingerprint2);
});

test('a request that the first release kept is compared in its form, whichever side lacks the other', () => {
  const [kept, asked] = [formsOf(RAW), formsOf({ ...RAW, 'resources.gpus': 2 })];
  const old = { first: kept.first, second: undefined };
  expect(nameDifferences(old, asked)).toEqual(['resources.gpus']);
  expect(nameDifferences(asked, old)).toEqual(['resources.gpus']);
});

test('what else a command line is asked with stays in the first form', () => {
  const { first } = formsOf({
    'extra_parameters.trainer_args': ['--hub_token', 'S3cr3t', '--epochs', '3'],
    'extra_parameters.queue_name': 'fast',
  });
  expect(first.extra_parameters).toMatchObject({ queue_name: 'fast' });
  expect(JSON.stringify(first)).toContain('--epochs');
});
