import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { makeBody, parseValid } from '../../../test/builders.ts';
import { ALLOWED_VARIABLES, findViolations } from './request-violations.ts';

const top = realpathSync(mkdtempSync(join(tmpdir(), 'roots-')));
afterAll(() => rmSync(top, { recursive: true }));
const root = join(top, 'training');
const outside = join(top, 'private');
mkdirSync(join(root, 'data'), { recursive: true });
mkdirSync(outside);
writeFileSync(join(root, 'data', 'rows.jsonl'), '');
writeFileSync(join(outside, 'rows.jsonl'), '');
symlinkSync(outside, join(root, 'link'));
symlinkSync(join(outside, 'rows.jsonl'), join(root, 'linked.jsonl'));
symlinkSync(join(outside, 'not-there-yet'), join(root, 'dangling'));
symlinkSync('../private', join(root, 'relative-link'));
symlinkSync(join(root, 'data'), join(root, 'inner-link'));
symlinkSync(join(root, 'loop'), join(root, 'loop'));
mkdirSync(join(top, 'training-2'));

const limits = {
  roots: [root],
  allowedVariables: new Set([...ALLOWED_VARIABLES, 'TEAM_FLAG']),
  refuseUrl: (url: string) => (url.includes('forbidden') ? 'must not point there' : undefined),
};
const violate = (changes: Record<string, unknown>, more: Partial<typeof limits> = {}) =>
  findViolations(parseValid(makeBody(changes)), { ...limits, ...more });

/** Every place of a request that may hold a path. */
const FIELDS = [
  ['datasets.0.source', 'datasets[0].source'],
  ['base_model.model_name', 'base_model.model_name'],
  ['extra_parameters.resume_from', 'extra_parameters.resume_from'],
  ['artifacts.log_uri', 'artifacts.log_uri'],
  ['artifacts.output_uri', 'artifacts.output_uri'],
] as const;
/** Those that must be written as URLs. */
const URL_FIELDS = [
  ['base_model.weights_url', 'base_model.weights_url'],
  ['extra_parameters.model_uri', 'extra_parameters.model_uri'],
] as const;

/** Ways to name something outside, as paths and as addresses. */
const WAYS_OUT: [string, string][] = [
  ['a file outside', `${outside}/rows.jsonl`],
  ['the root of all', '/'],
  ['the folder above', top],
  ['dots', `${root}/../private/rows.jsonl`],
  ['dots behind what is not there', `${root}/nothing/../../private/rows.jsonl`],
  ['a link to a folder', `${root}/link/rows.jsonl`],
  ['a relative link', `${root}/relative-link/rows.jsonl`],
  ['a link to a file', `${root}/linked.jsonl`],
  ['a link to what is not there yet', `${root}/dangling`],
  ['what lies below such a link', `${root}/dangling/model`],
  ['a loop of links', `${root}/loop`],
  ['a folder whose name begins alike', `${top}/training-2/rows.jsonl`],
  ['many slashes', `//${outside}//rows.jsonl`],
  ['a process of this machine', '/proc/self/environ'],
  ['a device', '/dev/stdin'],
];

describe.each(FIELDS)('%s', (at, path) => {
  test.each([
    ...WAYS_OUT,
    ...WAYS_OUT.map(([name, way]): [string, string] => [`${name}, as file://`, `file://${way}`]),
    ['an escaped address', `file://${root}/%2e%2e/private/rows.jsonl`],
    ['an escaped slash', `file://${root}/..%2fprivate%2frows.jsonl`],
    ['capitals', `FILE://${outside}/rows.jsonl`],
    ['a host', 'file://example.com/rows.jsonl'],
    ['localhost', `file://localhost${outside}/rows.jsonl`],
    ['a broken escape', `file://${root}/%ff`],
    ['a query', `file://${root}/rows.jsonl?x=1`],
    ['a relative path', './rows.jsonl'],
    ['a path to the folder above', '../rows.jsonl'],
    ['a home', '~/rows.jsonl'],
    ['an address without slashes', 'file:/etc/passwd'],
    ['another library', `local://${outside}`],
    ['a chained address', `simplecache::file://${outside}/rows.jsonl`],
    ['plain http', 'http://example.com/rows.jsonl'],
    ['a host that may not be dialled', 'https://forbidden.example/rows.jsonl'],
  ])('refuses %s', (_, text) => {
    expect(violate({ [at]: text })).toMatchObject([
      { path, message: expect.stringContaining(path) },
    ]);
  });

  test.each([
    ['a file inside', () => `${root}/data/rows.jsonl`],
    ['a link inside', () => `${root}/inner-link/rows.jsonl`],
    ['an address inside', () => `file://${root}/data/rows.jsonl`],
    ['localhost inside', () => `file://localhost${root}/data/rows.jsonl`],
    ['what is not there yet', () => `${root}/results/new/`],
    ['dots that stay inside', () => `${root}/results/../data`],
    ['s3', () => 's3://bucket/a'],
    ['https', () => 'https://example.com/rows.jsonl'],
    ['the hub', () => 'hf://org/name'],
  ])('takes %s', (_, toText) => {
    expect(violate({ [at]: toText() })).toEqual([]);
  });
});

describe.each(URL_FIELDS)('%s', (at, path) => {
  test.each(WAYS_OUT.map(([name, way]) => [name, `file://${way}`] as const))(
    'refuses %s',
    (_, text) => {
      expect(violate({ [at]: text })).toMatchObject([{ path }]);
    },
  );

  test('takes an address inside', () => {
    expect(violate({ [at]: `file://${root}/data` })).toEqual([]);
  });
});

test.each([
  ['base_model.model_name', 'meta-llama/Llama-2-7b', {}],
  ['base_model.model_name', 'nemotron-4-340b', {}],
  ['datasets.0.source', 'tatsu-lab/alpaca', { 'datasets.0.format': 'hf' }],
  ['datasets.0.source', 'tatsu-lab/alpaca@v1.0', { 'datasets.0.format': 'hf' }],
  ['extra_parameters.resume_from', 'job-7', {}],
])('a name is no path: %s %s', (at, text, more) => {
  expect(violate({ [at]: text, ...more })).toEqual([]);
});

test.each([
  ['datasets.0.source', 'data/rows.jsonl', 'a name counts with the format hf alone'],
  ['extra_parameters.resume_from', '..', 'dots are no job'],
  ['base_model.model_name', 'a/b/c', 'no hub name has two slashes'],
])('%s %s is refused: %s', (at, text) => {
  expect(violate({ [at]: text })).toHaveLength(1);
});

test('the sentence shows the line to type', () => {
  const [{ message } = { message: '' }] = violate({ 'datasets.0.source': '/data/rows.jsonl' });
  expect(message).toBe(
    `datasets[0].source is outside the folders that jobs may use: put it below ${root}, or start the service with TRAINER_LOCAL_ROOTS=${root}:/another/folder.`,
  );
  const [none] = violate({ 'datasets.0.source': '/data/rows.jsonl' }, { roots: [] });
  expect(none?.message).toContain('start the service with TRAINER_LOCAL_ROOTS=/the/folder');
});

test.each([
  ['LD_PRELOAD', '/tmp/x.so'],
  ['OMP_TOOL_LIBRARIES', '/tmp/x.so'],
  ['CC', '/tmp/cc'],
  ['PATH', '/tmp'],
  ['HOME', '/tmp'],
  ['PYTHONPATH', '/tmp'],
  ['PYTHONSTARTUP', '/tmp/x.py'],
  ['NODE_OPTIONS', '--require /tmp/x.js'],
  ['AWS_CONFIG_FILE', '/tmp/config'],
  ['AWS_SHARED_CREDENTIALS_FILE', '/tmp/config'],
  ['AWS_ENDPOINT_URL', 'http://169.254.169.254'],
  ['AWS_PROFILE', 'admin'],
  ['HF_ENDPOINT', 'http://evil.example'],
  ['HF_HOME', '/tmp'],
  ['HTTPS_PROXY', 'http://evil.example'],
  ['https_proxy', 'http://evil.example'],
  ['SSL_CERT_FILE', '/tmp/ca.pem'],
  ['WANDB_BASE_URL', 'http://evil.example'],
  ['WANDB_DIR', '/tmp'],
  ['WANDB_CONFIG_DIR', '/tmp'],
  ['TRAINER_RUN_ID', 'other'],
  ['TRAINER_LOCAL_ROOTS', '/'],
  ['CUDA_VISIBLE_DEVICES', '0,1'],
])('trainer_env may not set %s', (name, value) => {
  const found = violate({ 'extra_parameters.trainer_env': { [name]: value } });
  expect(found).toMatchObject([{ path: `extra_parameters.trainer_env.${name}` }]);
});

test('trainer_env may set what is allowed, and what the operator adds', () => {
  const names = [...ALLOWED_VARIABLES, 'TEAM_FLAG'];
  const trainer_env = Object.fromEntries(names.map((name) => [name, 'x']));
  expect(violate({ 'extra_parameters.trainer_env': trainer_env })).toEqual([]);
});

test.each(['trainer_command', 'trainer_args', 'command'])('refuses %s', (name) => {
  const found = violate({ [`extra_parameters.${name}`]: ['sh', '-c', 'id'] });
  expect(found).toHaveLength(1);
});

test('refuses a status stream to an address that may not be dialled', () => {
  const found = violate({ 'artifacts.status_stream_url': 'https://forbidden.example/x' });
  expect(found).toMatchObject([{ path: 'artifacts.status_stream_url' }]);
});

test('tells all at once', () => {
  const found = violate({
    'datasets.0.source': '/etc/passwd',
    'artifacts.output_uri': '/etc',
    'extra_parameters.trainer_args': ['x'],
    'extra_parameters.trainer_env': { LD_PRELOAD: 'x' },
  });
  expect(found.map(({ path }) => path)).toEqual([
    'datasets[0].source',
    'artifacts.output_uri',
    'extra_parameters.trainer_args',
    'extra_parameters.trainer_env.LD_PRELOAD',
  ]);
});
