import { describe, expect, test } from 'vitest';
import { type Changes, makeBody, makeGuideBody, parseValid } from '../../test/builders.ts';
import { studioS3Layout } from './s3-layout.ts';

const ROOT = 's3://deepfinery-training-data-123/users/u-1/projects/p_1';
const GOOD = {
  'datasets.0.source': `${ROOT}/ingestion/a.jsonl`,
  'artifacts.log_uri': `${ROOT}/logs/job/`,
  'artifacts.output_uri': `${ROOT}/results/`,
};
const check = (changes: Changes, prefixes: readonly string[] = []) =>
  studioS3Layout(prefixes).check(parseValid(makeBody({ ...GOOD, ...changes })));
const pathsOf = (changes: Changes, prefixes?: readonly string[]) =>
  check(changes, prefixes).map(({ path }) => path);

test('takes the layout of Training Studio, as in the guide', () => {
  expect(check({})).toEqual([]);
  expect(studioS3Layout().check(parseValid(makeGuideBody()))).toEqual([]);
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
  ['artifacts.output_uri', `/data/${ROOT}/results/`],
  ['artifacts.output_uri', ROOT.replace('/users/', '/copies/users/').concat('/results/')],
  ['artifacts.output_uri', `${ROOT}/results/..`],
  ['artifacts.output_uri', '../results/'],
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

describe('the Studio\u2019s further forms', () => {
  const MODEL = 's3://deepfinery-trained-models/my-model-1764106730023';

  test.each<[string, Changes]>([
    [
      'a folder for each model',
      { 'artifacts.output_uri': MODEL, 'artifacts.log_uri': `${MODEL}/logs/` },
    ],
    [
      'the input of a bucket without an account',
      { 'datasets.0.source': 's3://deepfinery-training-data/training-input/a.jsonl' },
    ],
    [
      'the input of an account',
      { 'datasets.0.source': 's3://deepfinery-training-data-123/training-input/a.jsonl' },
    ],
    ['the input of a project', { 'datasets.0.source': `${ROOT}/training-input/a.jsonl` }],
    [
      'the same project in the bucket without an account',
      { 'datasets.0.source': `${ROOT.replace('-123', '')}/ingestion/a.jsonl` },
    ],
    ['results of the project', { 'extra_parameters.resume_from': `${ROOT}/results/job-1/` }],
    ['a job of the project', { 'extra_parameters.resume_from': 'job-1' }],
    ['a model of the project', { 'extra_parameters.model_uri': `${ROOT}/results/job-1/model/` }],
  ])('takes %s', (_, changes) => {
    expect(check(changes)).toEqual([]);
  });

  test.each<[string, Changes]>([
    ['artifacts.output_uri', { 'artifacts.output_uri': 's3://deepfinery-trained-models/' }],
    ['artifacts.output_uri', { 'artifacts.output_uri': `${MODEL}/../other-1/` }],
    ['artifacts.output_uri', { 'artifacts.output_uri': `/data/${MODEL}` }],
    [
      'artifacts.output_uri',
      { 'artifacts.output_uri': 's3://deepfinery-trained-models/my-model-x/' },
    ],
    ['datasets[0].source', { 'datasets.0.source': `${MODEL}/a.jsonl` }],
    ['datasets[0].source', { 'datasets.0.source': 's3://deepfinery-training-data/other/a.jsonl' }],
    ['base_model.weights_url', { 'base_model.weights_url': 'https://elsewhere.test/w' }],
    ['extra_parameters.model_uri', { 'extra_parameters.model_uri': 'hf://org/model' }],
    ['extra_parameters.resume_from', { 'extra_parameters.resume_from': 's3://other/job-1' }],
    ['extra_parameters.resume_from', { 'extra_parameters.resume_from': '..' }],
    [
      'extra_parameters.resume_from',
      { 'extra_parameters.resume_from': `${ROOT.replace('u-1', 'u-2')}/results/job-1/` },
    ],
  ])('refuses %s elsewhere: %j', (path, changes) => {
    expect(pathsOf(changes)).toEqual([path]);
  });
});

test('says where an address may lie', () => {
  const found = check({ 'datasets.0.source': 's3://other/a.jsonl' }, ['s3://models/']);
  const root = 's3://deepfinery-training-data-<account>/users/<userId>/projects/<projectId>';
  expect(found.map(({ message }) => message)).toEqual([
    `datasets[0].source must lie under ${root}/ingestion/ or ${root}/training-input/ or a prefix that the operator allows.`,
  ]);
  expect(check({ 'artifacts.log_uri': 's3://other/' })[0]?.message).toBe(
    `artifacts.log_uri must lie under ${root}/logs/ or s3://deepfinery-trained-models/<name>-<time>/.`,
  );
});

test('is not asked where the schema refused an address', () => {
  expect(studioS3Layout().reads).toEqual([
    'base_model.weights_url',
    'datasets',
    'artifacts',
    'extra_parameters',
  ]);
});

test('a project that is refused is not the one that counts', () => {
  const found = check({ 'datasets.0.source': 's3://other/users/u-2/projects/p_2/a.jsonl' });
  expect(found.map(({ path }) => path)).toEqual(['datasets[0].source']);
});

test('the end of an address ends the name of its project', () => {
  const project = 's3://models/users/u-2/projects/p_2';
  expect(pathsOf({ 'extra_parameters.model_uri': project }, ['s3://models/'])).toEqual([
    'extra_parameters.model_uri',
  ]);
});

describe('prefixes that the operator allows', () => {
  const changes = { 'extra_parameters.model_uri': 's3://models/base/llama' };

  test('are taken, as whole folders', () => {
    expect(pathsOf(changes, ['s3://models/base/llama'])).toEqual([]);
    expect(pathsOf({ ...changes, 'artifacts.output_uri': '../x' }, ['..'])).toEqual([
      'artifacts.output_uri',
      'extra_parameters.model_uri',
    ]);
    expect(pathsOf(changes, ['s3://models/base'])).toEqual([]);
    expect(pathsOf(changes, ['s3://models/base/'])).toEqual([]);
    expect(pathsOf(changes, ['s3://models/ba'])).toEqual(['extra_parameters.model_uri']);
    expect(pathsOf({ 'extra_parameters.model_uri': 'hf://org/model' }, ['hf://'])).toEqual([]);
    expect(
      pathsOf({ 'extra_parameters.model_uri': 's3://models/base/../x' }, ['s3://models/base']),
    ).toEqual(['extra_parameters.model_uri']);
  });

  test('open no other user\u2019s project', () => {
    const other = { 'extra_parameters.model_uri': 's3://models/users/u-2/projects/p_1/m' };
    expect(pathsOf(other, ['s3://models/'])).toEqual(['extra_parameters.model_uri']);
  });
});
