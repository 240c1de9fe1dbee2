import { expect, test } from 'vitest';
import { type Changes, makeBody, makeGuideBody, parseValid } from '../../test/builders.ts';
import { studioS3Layout } from './s3-layout.ts';

const ROOT = 's3://deepfinery-training-data-123/users/u-1/projects/p_1';
const GOOD = {
  'datasets.0.source': `${ROOT}/ingestion/a.jsonl`,
  'artifacts.log_uri': `${ROOT}/logs/job/`,
  'artifacts.output_uri': `${ROOT}/results/`,
};
const check = (changes: Changes) =>
  studioS3Layout.check(parseValid(makeBody({ ...GOOD, ...changes })));

test('takes the layout of Training Studio, as in the guide', () => {
  expect(check({})).toEqual([]);
  expect(studioS3Layout.check(parseValid(makeGuideBody()))).toEqual([]);
});

test.each([
  ['artifacts.log_uri', `${ROOT}/results/x/`],
  ['artifacts.output_uri', `${ROOT}/logs/`],
  ['artifacts.output_uri', `${ROOT}/results`],
  ['artifacts.output_uri', 's3://other-bucket/users/u-1/projects/p_1/results/'],
  ['artifacts.output_uri', `${ROOT}/results/../../../u-2/projects/p/results/`],
  ['artifacts.output_uri', 's3://deepfinery-training-data-123/users/../projects/p_1/results/'],
  ['artifacts.output_uri', 's3://deepfinery-training-data-123/users//projects/p_1/results/'],
  ['artifacts.output_uri', 's3://deepfinery-training-data-1@evil/users/u-1/projects/p_1/results/'],
  ['artifacts.output_uri', '/data/results/'],
])('refuses %s at %s', (path, uri) => {
  const found = check({ [path]: uri });
  expect(found.map((violation) => violation.path)).toEqual([path]);
  expect(found[0]?.message).toContain('must lie under s3://deepfinery-training-data-<account>/');
});

test('refuses a second dataset outside', () => {
  const datasets = [GOOD['datasets.0.source'], 'hf://org/set'].map((source) => ({
    source,
    format: 'jsonl',
  }));
  expect(check({ datasets, 'datasets.0.source': datasets[0]?.source })[0]?.path).toBe(
    'datasets[1].source',
  );
});

test.each([
  ['user', ROOT.replace('u-1', 'u-2')],
  ['project', ROOT.replace('p_1', 'p_2')],
  ['account', ROOT.replace('123', '124')],
])("refuses another %s's project, and names the one that counts", (_, root) => {
  const found = check({ 'artifacts.output_uri': `${root}/results/` });
  expect(found.map(({ message }) => message)).toEqual([
    "artifacts.output_uri must lie in the same user's project as datasets[0].source.",
  ]);
  const others = check({
    'datasets.0.source': 'hf://org/set',
    'artifacts.output_uri': `${root}/results/`,
  });
  expect(others[1]?.message).toContain('as artifacts.log_uri.');
});
