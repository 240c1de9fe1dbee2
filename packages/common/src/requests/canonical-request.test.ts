import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Body,
  type Changes,
  makeBody,
  makeGuideBody,
  parseValid,
} from '../../test/builders.ts';
import { findDifferences, toAsked, toFingerprint } from './canonical-request.ts';

const askedOf = (body: Body) => toAsked(body, parseValid(body)).form;
const fingerprintOf = (body: Body) => toFingerprint(askedOf(body));
const differences = (left: Changes, right: Changes) =>
  findDifferences(askedOf(makeBody(left)), askedOf(makeBody(right)));

describe('the same was asked', () => {
  test.each<[string, Changes, Changes]>([
    ['null and absent', { resources: null, 'base_model.revision': null }, {}],
    ['empty sections and absent', { resources: {}, callbacks: {}, extra_parameters: {} }, {}],
    ['nested empty objects', { 'extra_parameters.unsloth': {}, 'datasets.0.auth': {} }, {}],
    ['an empty environment', { 'extra_parameters.trainer_env': {} }, {}],
    [
      'key order',
      { resources: { gpus: 2, cpus: 4 }, tuning_parameters: { b: 1, a: { y: 1, x: 2 } } },
      { tuning_parameters: { a: { x: 2, y: 1 }, b: 1 }, resources: { cpus: 4, gpus: 2 } },
    ],
    [
      'fresh STS tokens',
      { 'artifacts.auth': { aws_access_key_id: 'A', aws_session_token: 'x', aws_region: 'r' } },
      { 'artifacts.auth': { aws_access_key_id: 'B', aws_session_token: 'y', aws_region: 'r' } },
    ],
    ['credentials and none', { 'artifacts.auth': { token: 'x' } }, {}],
    ['model tokens', { 'base_model.auth_token': 'x' }, { 'base_model.huggingface_token': 'y' }],
    [
      'auth headers',
      { callbacks: { webhook_url: 'https://h/a', auth_header: 'x' } },
      { callbacks: { webhook_url: 'https://h/a', auth_header: 'y' } },
    ],
    [
      'signatures of presigned URLs',
      { 'datasets.0.source': 'https://h/d?X-Amz-Signature=1' },
      { 'datasets.0.source': 'https://h/d?X-Amz-Signature=2' },
    ],
    [
      'user infos of URLs',
      { 'artifacts.status_stream_url': 'https://u:1@h/s' },
      { 'artifacts.status_stream_url': 'https://u:2@h/s' },
    ],
    [
      'values of credentials of the environment',
      { 'extra_parameters.trainer_env': { API_KEY: '1', HF_TOKEN: '2' } },
      { 'extra_parameters.trainer_env': { HF_TOKEN: '3', API_KEY: '4' } },
    ],
    [
      'passwords of URLs in the environment',
      { 'extra_parameters.trainer_env': { DB: 'postgres://u:1@h/d' } },
      { 'extra_parameters.trainer_env': { DB: 'postgres://u:2@h/d' } },
    ],
    ['no modules and absent', { 'customization.target_modules': [] }, {}],
    [
      'our names and those of other trainers',
      { 'tuning_parameters.num_epochs': 1 },
      { 'tuning_parameters.num_train_epochs': 1 },
    ],
    ['empty texts and absent', { 'base_model.revision': '', resources: { gpu_type: '' } }, {}],
    [
      'signatures of every kind',
      { 'datasets.0.source': 'https://h/d?sv=1&sp=r&se=2&sig=3&snapshot=a&X-Goog-Date=1&Policy=x' },
      { 'datasets.0.source': 'https://h/d?snapshot=a&sv=2&sp=w&se=3&sig=4&Expires=1&token=t' },
    ],
    [
      'access keys in addresses',
      { 'datasets.0.source': 's3://AKIA1:secret1@bucket/d' },
      { 'datasets.0.source': 's3://AKIA2:secret2@bucket/d' },
    ],
    [
      'the order of a query',
      { 'datasets.0.source': 'https://h/d?a=1&b=2' },
      { 'datasets.0.source': 'https://h/d?b=2&a=1' },
    ],
    [
      'quantities as numbers and as texts, requests and limits as one',
      { 'extra_parameters.resources_per_node': { cpu: 4 } },
      { 'extra_parameters.resources_per_node': { requests: { cpu: '4' }, limits: { cpu: '4' } } },
    ],
    [
      'environment as map and as list',
      { 'extra_parameters.trainer_env': { A: '1' } },
      { 'extra_parameters.trainer_env': [{ name: 'A', value: 1 }] },
    ],
    [
      'both spellings of LoRA',
      { customization: { rank: 8, target_modules: ['q'], lora_alpha: 1, lora_dropout: 0 } },
      { customization: { lora: { rank: 8, target_modules: ['q'], alpha: 1, dropout: 0 } } },
    ],
    [
      'one spelling and both alike',
      { customization: { rank: 8 } },
      { customization: { rank: 8, lora: { rank: 8 } } },
    ],
    [
      'both places of gradient_checkpointing',
      { 'customization.gradient_checkpointing': false },
      { 'tuning_parameters.gradient_checkpointing': false },
    ],
    [
      'command and trainer_command, as list and as text',
      { 'extra_parameters.command': 'python train.py' },
      { 'extra_parameters.trainer_command': ['python', 'train.py'] },
    ],
    ['secrets among pass-through', { 'tuning_parameters.hub_token': 'x' }, {}],
  ])('%s', (_, left, right) => {
    expect(fingerprintOf(makeBody(left))).toBe(fingerprintOf(makeBody(right)));
    expect(differences(left, right)).toEqual([]);
  });
});

describe('something else was asked, and it is named', () => {
  test.each<[string, Changes, Changes, string[]]>([
    ['a default given', { 'resources.gpus': 1 }, {}, ['resources.gpus']],
    ['another value', { 'resources.gpus': 1 }, { 'resources.gpus': 2 }, ['resources.gpus']],
    [
      'another type',
      { 'tuning_parameters.x': 1 },
      { 'tuning_parameters.x': '1' },
      ['tuning_parameters.x'],
    ],
    ['an empty list', { 'tuning_parameters.x': [] }, {}, ['tuning_parameters.x']],
    [
      'order within a list',
      { 'tuning_parameters.x': [1, 2] },
      { 'tuning_parameters.x': [2, 1] },
      ['tuning_parameters.x'],
    ],
    [
      'nulls within a list',
      { 'tuning_parameters.x': [null] },
      { 'tuning_parameters.x': [] },
      ['tuning_parameters.x'],
    ],
    ['LoRA rank', { 'customization.rank': 8 }, {}, ['customization.lora.rank']],
    [
      'names of the environment',
      { 'extra_parameters.trainer_env': { A: '1' } },
      { 'extra_parameters.trainer_env': { B: '1' } },
      ['extra_parameters.trainer_env.A', 'extra_parameters.trainer_env.B'],
    ],
    [
      'values of the environment',
      { 'extra_parameters.trainer_env': { EPOCHS: '1', API_KEY: 'x' } },
      { 'extra_parameters.trainer_env': { EPOCHS: '2', API_KEY: 'y' } },
      ['extra_parameters.trainer_env.EPOCHS'],
    ],
    ...[
      'abfss://raw@a/d',
      'wasbs://raw@a/d',
      'oci://raw@n/d',
      'hdfs://raw@n/d',
      'ssh://raw@h/d',
    ].map((source): [string, Changes, Changes, string[]] => [
      `the user part of ${source}`,
      { 'artifacts.output_uri': source },
      { 'artifacts.output_uri': source.replace('raw', 'curated') },
      ['artifacts.output_uri'],
    ]),
    [
      'a container beside a password',
      { 'artifacts.output_uri': 'abfss://raw:p@a/d' },
      { 'artifacts.output_uri': 'abfss://curated:p@a/d' },
      ['artifacts.output_uri'],
    ],
    ...['versionId=A', 'snapshot=A', 'sv=A', 'sp=A', 'id=A&X-Amz-Signature=1'].map(
      (query): [string, Changes, Changes, string[]] => [
        `a query of ${query}`,
        { 'artifacts.output_uri': `https://h/d?${query}` },
        { 'artifacts.output_uri': `https://h/d?${query.replace('A', 'B')}` },
        ['artifacts.output_uri'],
      ],
    ),
    [
      'an image token, which is no credential',
      { 'tuning_parameters.image_token': '<a>' },
      { 'tuning_parameters.image_token': '<b>' },
      ['tuning_parameters.image_token'],
    ],
    [
      'path of a URL',
      { callbacks: { webhook_url: 'https://h/a' } },
      { callbacks: { webhook_url: 'https://h/b' } },
      ['callbacks.webhook_url'],
    ],
    [
      'a role, which is no credential',
      { 'artifacts.auth': { role_arn: 'a' } },
      { 'artifacts.auth': { role_arn: 'b' } },
      ['artifacts.auth.role_arn'],
    ],
    ['an ignored key', { 'customization.lora_rnak': 1 }, {}, ['customization.lora_rnak']],
    [
      'several fields',
      { 'resources.cpus': 1, job_id: 'other' },
      { 'base_model.revision': 'x' },
      ['base_model.revision', 'job_id', 'resources.cpus'],
    ],
  ])('%s', (_, left, right, named) => {
    expect(fingerprintOf(makeBody(left))).not.toBe(fingerprintOf(makeBody(right)));
    expect(differences(left, right)).toEqual(named);
    expect(differences(right, left)).toEqual(named);
  });
});

test('the order of keys never counts, at any depth', () => {
  const shuffled = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(shuffled);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, child]) => [key, shuffled(child)]);
    return Object.fromEntries(entries.reverse());
  };
  const pass = fc
    .dictionary(fc.stringMatching(/^[a-z0-9]{1,6}$/), fc.jsonValue({ maxDepth: 3 }))
    .filter((value) => !/"(__proto__|constructor|prototype)"/.test(JSON.stringify(value)));
  fc.assert(
    fc.property(pass, (given) => {
      const body = makeGuideBody({ 'tuning_parameters.own': JSON.parse(JSON.stringify(given)) });
      expect(fingerprintOf(shuffled(body) as Body)).toBe(fingerprintOf(body));
    }),
  );
});

test('values enter as digests that differ from job to job', () => {
  const changes = {
    'datasets.0.source': 'https://h/d?code=S3cr3tQuery',
    'extra_parameters.trainer_env': { MODE: 'S3cr3tValue' },
  };
  const one = askedOf(makeBody(changes));
  expect(JSON.stringify(one)).not.toContain('S3cr3t');
  const other = askedOf(makeBody({ ...changes, job_id: 'job-2' }));
  expect(findDifferences(one, other)).toEqual([
    'datasets',
    'extra_parameters.trainer_env.MODE',
    'job_id',
  ]);
});

test('the asked form of the guide holds none of its credentials', () => {
  const asked = JSON.stringify(askedOf(makeGuideBody()));
  for (const secret of ['hf_xxx', 'hf_launchpad_token', 'mytoken']) {
    expect(asked).not.toContain(secret);
  }
});

test('keys are sorted, be they few or many', () => {
  const names = Array.from({ length: 40 }, (_, index) => `k${(index * 7) % 40}`);
  for (const count of [1, 2, 15, 16, 17, 40]) {
    const given = names.slice(0, count);
    const own = Object.fromEntries(given.map((name) => [name, 1]));
    const { tuning_parameters } = askedOf(makeBody({ 'tuning_parameters.own': own }));
    const { own: asked } = tuning_parameters as { own: object };
    expect(Object.keys(asked)).toEqual([...given].sort());
  }
});

test('the environment enters by name, each value as a digest of its own', () => {
  const { extra_parameters } = askedOf(
    makeBody({ 'extra_parameters.trainer_env': { B: 'same', A: 'same', API_KEY: 'x' } }),
  );
  const { trainer_env } = extra_parameters as { trainer_env: Record<string, unknown> };
  expect(Object.keys(trainer_env)).toEqual(['A', 'API_KEY', 'B']);
  expect(trainer_env).toMatchObject({ API_KEY: '', A: expect.stringMatching(/^[\w-]{43}$/) });
  expect(trainer_env.A).not.toBe(trainer_env.B);
});

test('a request without an environment names none', () => {
  expect(askedOf(makeGuideBody({ 'extra_parameters.trainer_env': {} }))).toEqual(
    askedOf(makeGuideBody({ 'extra_parameters.trainer_env': undefined })),
  );
  expect(JSON.stringify(askedOf(makeBody({})))).not.toContain('trainer_env');
});

test('whether the first release would have written the same', () => {
  const isFirstForm = (changes: Changes) => {
    const body = makeBody(changes);
    return toAsked(body, parseValid(body)).isFirstForm;
  };
  expect(isFirstForm({})).toBe(true);
  expect(isFirstForm({ 'tuning_parameters.note': 'no address', resources: { gpus: 1 } })).toBe(
    true,
  );
  for (const changes of [
    { 'tuning_parameters.image_token': '<image>' },
    { 'extra_parameters.trainer_args': ['--epochs', '3'] },
    { 'extra_parameters.trainer_env': { A: '1' } },
    { 'tuning_parameters.num_train_epochs': 3 },
    { 'datasets.0.format': 'auto' },
    { 'customization.target_modules': [] },
    { 'artifacts.auth': { aws_region: '' } },
    { 'artifacts.output_uri': 's3://u:p@bucket/d' },
  ]) {
    expect(isFirstForm(changes)).toBe(false);
  }
});
