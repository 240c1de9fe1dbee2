import { describe, expect, test } from 'vitest';
import { type Changes, parseValid, type SpecOptions, specify } from '../../../../test/builders.ts';
import { buildPodEnvironment, type EnvVar } from './environment.ts';

function build(changes: Changes = {}, options: SpecOptions = {}) {
  const { spec, secrets } = specify(changes, options);
  const environment = buildPodEnvironment(spec, {
    secretName: 'job-secret',
    defaultSecret: options.env?.TRAINER_DEFAULT_CREDENTIALS_SECRET,
  });
  const show = (variable: EnvVar) => {
    if ('value' in variable) return variable.value;
    const { name, key, optional } = variable.valueFrom.secretKeyRef;
    if (name !== 'job-secret') return `${name}/${key}${optional ? '?' : ''}`;
    return { secret: secrets[key] };
  };
  const read = (variables: readonly EnvVar[]) =>
    Object.fromEntries(variables.map((variable) => [variable.name, show(variable)]));
  return {
    ...environment,
    secrets,
    env: read(environment.variables),
    datasetEnv: read(environment.dataset),
    modelEnv: read(environment.model),
  };
}

const secret = (value: string) => ({ secret: value });
const KEYS = { aws_access_key_id: 'AK1', aws_secret_access_key: 'SK1', aws_session_token: 'ST1' };
const OTHER = { aws_access_key_id: 'AK2', aws_secret_access_key: 'SK2' };

describe('what the trainer reads of the request', () => {
  test('is exactly the documented variables', () => {
    const { env } = build({ 'artifacts.status_stream_url': 'https://events/x' });
    expect(Object.keys(env)).toEqual([
      'TRAINING_JOB_ID',
      'TRAINING_BACKEND',
      'TRAINING_REQUEST_JSON',
      'TRAINING_BASE_MODEL_JSON',
      'TRAINING_RESOURCES_JSON',
      'TRAINING_CUSTOMIZATION_JSON',
      'TRAINING_TUNING_PARAMETERS_JSON',
      'TRAINING_DATASETS_JSON',
      'TRAINING_LOG_URI',
      'TRAINING_OUTPUT_URI',
      'TRAINING_STATUS_STREAM_URL',
    ]);
    expect(env).toMatchObject({
      TRAINING_JOB_ID: 'job-1',
      TRAINING_BACKEND: 'meta',
      TRAINING_LOG_URI: 's3://bucket/logs/',
      TRAINING_OUTPUT_URI: 's3://bucket/results/',
      TRAINING_STATUS_STREAM_URL: 'https://events/x',
    });
    expect(build().env).not.toHaveProperty('TRAINING_STATUS_STREAM_URL');
  });

  test('is the normalised request, whole and by section', () => {
    const { env } = build({ 'customization.rank': 8, 'tuning_parameters.own': [1] });
    const read = (name: string) => JSON.parse(String(env[name]));
    const request = read('TRAINING_REQUEST_JSON');
    expect(JSON.parse(JSON.stringify(parseValid(request)))).toEqual(request);
    expect(request).toMatchObject({
      customization: { lora: { rank: 8 } },
      tuning_parameters: { own: [1], learning_rate: 5e-5 },
    });
    expect(read('TRAINING_CUSTOMIZATION_JSON')).toEqual(request.customization);
    expect(read('TRAINING_TUNING_PARAMETERS_JSON')).toEqual(request.tuning_parameters);
    expect(read('TRAINING_RESOURCES_JSON')).toEqual(request.resources);
    expect(read('TRAINING_BASE_MODEL_JSON')).toEqual(request.base_model);
    expect(read('TRAINING_DATASETS_JSON')).toEqual(request.datasets);
  });

  test('never holds the callback', () => {
    const callbacks = { webhook_url: 'https://hook.example/x', auth_header: 'Bearer abcdef' };
    const { variables, secrets } = build({ callbacks });
    expect(JSON.stringify([variables, secrets])).not.toMatch(/hook\.example|abcdef|callbacks/);
  });

  test.each([
    ['$', '$$'],
    ['$$', '$$$$'],
    ['$(HOME)', '$$(HOME)'],
    ['a$b$', 'a$$b$$'],
  ])('has every dollar doubled where it stands in the open: %s', (given, expected) => {
    const { env } = build({
      'artifacts.log_uri': `s3://b/${given}/`,
      'tuning_parameters.own': given,
    });
    expect(env.TRAINING_LOG_URI).toBe(`s3://b/${expected}/`);
    expect(env.TRAINING_TUNING_PARAMETERS_JSON).toContain(JSON.stringify(expected));
  });

  test.each<[string, Changes, string[]]>([
    [
      'user info',
      { 'artifacts.status_stream_url': 'https://u:pw$1@h/x' },
      ['TRAINING_REQUEST_JSON', 'TRAINING_STATUS_STREAM_URL'],
    ],
    [
      'query',
      { 'datasets.0.source': 'https://h/x?X-Amz-Signature=$1' },
      ['TRAINING_REQUEST_JSON', 'TRAINING_DATASETS_JSON'],
    ],
    [
      'credential of a key of its own',
      { 'tuning_parameters.hub_token': 'pw$1' },
      ['TRAINING_REQUEST_JSON', 'TRAINING_TUNING_PARAMETERS_JSON'],
    ],
    [
      'repeated credential',
      { 'base_model.auth_token': 'hf_pw$1', 'base_model.revision': 'x-hf_pw$1' },
      ['TRAINING_REQUEST_JSON', 'TRAINING_BASE_MODEL_JSON'],
    ],
  ])('comes whole from the Secret, untouched, when it holds a %s', (_, changes, names) => {
    const { env, variables } = build(changes);
    const hidden = Object.keys(env).filter(
      (name) => name.startsWith('TRAINING_') && typeof env[name] !== 'string',
    );
    expect(hidden).toEqual(names);
    for (const name of names) expect(JSON.stringify(env[name])).toContain('$1');
    expect(JSON.stringify(variables)).not.toMatch(/pw|Signature/);
  });

  test('comes from the Secret when a variable of the backend holds a credential', () => {
    const traits = { env: { OPTIONS: '{"hub_token":"abcdef"}', PLAIN: '{"a":"$x"}' } };
    const { env } = build({}, { traits });
    expect(env.OPTIONS).toEqual(secret('{"hub_token":"abcdef"}'));
    expect(env.PLAIN).toBe('{"a":"$$x"}');
  });
});

describe('HF_TOKEN', () => {
  test.each<[Changes, unknown]>([
    [{ 'base_model.auth_token': 'a', 'base_model.huggingface_token': 'h' }, secret('h')],
    [{ 'base_model.auth_token': 'a' }, secret('a')],
    [{ 'base_model.auth_token': 'a', 'base_model.huggingface_token': null }, secret('a')],
    [{ 'base_model.auth_token': 'a', 'base_model.huggingface_token': '' }, secret('a')],
    [{}, undefined],
  ])('%j', (changes, expected) => {
    expect(build(changes).env.HF_TOKEN).toEqual(expected);
  });
});

describe('AWS credentials', () => {
  const awsOf = (env: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(env).filter(([name]) => name.includes('AWS_')));
  const first = {
    AWS_ACCESS_KEY_ID: secret('AK1'),
    AWS_SECRET_ACCESS_KEY: secret('SK1'),
    AWS_SESSION_TOKEN: secret('ST1'),
  };
  const second = { AWS_ACCESS_KEY_ID: secret('AK2'), AWS_SECRET_ACCESS_KEY: secret('SK2') };
  const ofDataset = (index: number, values: object) =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [`TRAINING_DATASET_${index}_${name}`, value]),
    );

  test.each<[string, Changes, object]>([
    ['none', {}, {}],
    ['of the artifacts', { 'artifacts.auth': KEYS }, first],
    ['of the first dataset', { 'datasets.0.auth': KEYS }, first],
    ['of both, alike', { 'artifacts.auth': KEYS, 'datasets.0.auth': KEYS }, first],
    [
      'of both, unlike',
      { 'artifacts.auth': KEYS, 'datasets.0.auth': OTHER },
      { ...first, ...ofDataset(0, second) },
    ],
    [
      'keys there, a role here',
      { 'artifacts.auth': { role_arn: 'arn' }, 'datasets.0.auth': KEYS },
      { AWS_ROLE_ARN: secret('arn'), ...ofDataset(0, first) },
    ],
    [
      'a region alone names no account',
      { 'artifacts.auth': { aws_region: 'eu' }, 'datasets.0.auth': KEYS },
      { ...first, AWS_REGION: secret('eu') },
    ],
    [
      'a login names no account',
      { 'artifacts.auth': { token: 'tok' }, 'datasets.0.auth': KEYS },
      first,
    ],
    [
      'of a further dataset',
      {
        'artifacts.auth': KEYS,
        datasets: [{}, { auth: KEYS }, { auth: { ...OTHER, aws_region: 'us' } }].map((rest) => ({
          source: 's3://b/x',
          format: 'csv',
          ...rest,
        })),
      },
      { ...first, ...ofDataset(2, { ...second, AWS_REGION: secret('us') }) },
    ],
  ])('%s', (_, changes, expected) => {
    expect(awsOf(build(changes).env)).toEqual(expected);
  });

  test('beside an account in trainer_env stand no others', () => {
    const changes = {
      'artifacts.auth': KEYS,
      'extra_parameters.trainer_env': { AWS_ACCESS_KEY_ID: 'E', AWS_SECRET_ACCESS_KEY: 'F' },
    };
    const env = { TRAINER_DEFAULT_CREDENTIALS_SECRET: 'fallback' };
    expect(awsOf(build(changes, { env }).env)).toEqual({
      AWS_ACCESS_KEY_ID: secret('E'),
      AWS_SECRET_ACCESS_KEY: secret('F'),
    });
  });

  test('logins are kept for each place', () => {
    const auth = { token: 't', username: 'u', password: 'p' };
    const { env } = build({ 'artifacts.auth': auth, 'datasets.0.auth': auth });
    for (const place of ['TRAINING_ARTIFACTS', 'TRAINING_DATASET_0']) {
      expect(env).toMatchObject({
        [`${place}_TOKEN`]: secret('t'),
        [`${place}_USERNAME`]: secret('u'),
        [`${place}_PASSWORD`]: secret('p'),
      });
    }
  });
});

describe('what the cluster adds', () => {
  const env = {
    TRAINER_S3_ENDPOINT: 'https://minio:9000',
    TRAINER_S3_REGION: 'local-1',
    TRAINER_DEFAULT_CREDENTIALS_SECRET: 'fallback',
  };

  test('serves a request that brings nothing', () => {
    const built = build({}, { env });
    expect(built.env).toMatchObject({
      AWS_ENDPOINT_URL: 'https://minio:9000',
      AWS_REGION: 'local-1',
      HF_TOKEN: 'fallback/HF_TOKEN?',
      AWS_ACCESS_KEY_ID: 'fallback/AWS_ACCESS_KEY_ID?',
      AWS_SECRET_ACCESS_KEY: 'fallback/AWS_SECRET_ACCESS_KEY?',
      AWS_SESSION_TOKEN: 'fallback/AWS_SESSION_TOKEN?',
    });
    expect(built.datasetEnv).toEqual({
      ACCESS_TOKEN: 'fallback/HF_TOKEN?',
      ACCESS_KEY_ID: 'fallback/AWS_ACCESS_KEY_ID?',
      SECRET_ACCESS_KEY: 'fallback/AWS_SECRET_ACCESS_KEY?',
      SESSION_TOKEN: 'fallback/AWS_SESSION_TOKEN?',
      REGION: 'local-1',
      ENDPOINT: 'https://minio:9000',
    });
    expect(built.secrets).toEqual({});
  });

  test.each<[Changes, string[]]>([
    [
      { 'base_model.auth_token': 't' },
      ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'],
    ],
    [{ 'artifacts.auth': OTHER }, ['HF_TOKEN']],
    [{ 'artifacts.auth': { role_arn: 'arn' } }, ['HF_TOKEN']],
  ])('never mixes with what a request brings: %j', (changes, names) => {
    const { variables } = build(changes, { env });
    const fromFallback = variables.filter(
      (variable) => 'valueFrom' in variable && variable.valueFrom.secretKeyRef.name === 'fallback',
    );
    expect(fromFallback.map(({ name }) => name).sort()).toEqual(names);
  });

  test('gives way to the region of the request', () => {
    expect(build({ 'artifacts.auth': { aws_region: 'eu' } }, { env }).env.AWS_REGION).toEqual(
      secret('eu'),
    );
  });
});

describe('initializers', () => {
  test('read the same keys under their own names', () => {
    const { datasetEnv, modelEnv } = build({
      'base_model.huggingface_token': 'hf',
      'artifacts.auth': { ...KEYS, aws_region: 'eu', role_arn: 'arn' },
    });
    const expected = {
      ACCESS_TOKEN: secret('hf'),
      ACCESS_KEY_ID: secret('AK1'),
      SECRET_ACCESS_KEY: secret('SK1'),
      SESSION_TOKEN: secret('ST1'),
      REGION: secret('eu'),
      ROLE_ARN: secret('arn'),
    };
    expect(datasetEnv).toEqual(expected);
    expect(modelEnv).toEqual(expected);
  });

  test.each<[string, object, object]>([
    ['keys', OTHER, { ACCESS_KEY_ID: secret('AK2'), SECRET_ACCESS_KEY: secret('SK2') }],
    ['a role', { role_arn: 'arn' }, { ROLE_ARN: secret('arn') }],
  ])('of the dataset use its own account: %s', (_, auth, expected) => {
    const { datasetEnv, modelEnv } = build({ 'artifacts.auth': KEYS, 'datasets.0.auth': auth });
    expect(datasetEnv).toEqual(expected);
    expect(modelEnv.ACCESS_KEY_ID).toEqual(secret('AK1'));
  });

  test('of the dataset use its own token and region', () => {
    const { datasetEnv, modelEnv } = build({
      'base_model.auth_token': 'hf',
      'artifacts.auth': { ...KEYS, aws_region: 'eu' },
      'datasets.0.auth': { token: 'own', aws_region: 'us' },
    });
    expect(datasetEnv).toMatchObject({
      ACCESS_TOKEN: secret('own'),
      REGION: secret('us'),
      ACCESS_KEY_ID: secret('AK1'),
    });
    expect(modelEnv).toMatchObject({ ACCESS_TOKEN: secret('hf'), REGION: secret('eu') });
  });
});

describe('trainer_env', () => {
  test.each([
    ['map', { A: '$x', B: 2 }],
    [
      'list',
      [
        { name: 'A', value: '$x' },
        { name: 'B', value: 2 },
      ],
    ],
  ])('as a %s comes from the Secret, untouched', (_, trainer_env) => {
    const { env, variables } = build({ extra_parameters: { trainer_env } });
    expect(env).toMatchObject({ A: secret('$x'), B: secret('2') });
    expect(JSON.stringify(variables)).not.toContain('$x');
  });

  test('refers to the Secrets that it names, also in place of the request\u2019s own token', () => {
    const { env, secrets, modelEnv } = build(
      {
        'base_model.auth_token': 'request',
        'extra_parameters.trainer_env': [
          { name: 'HF_TOKEN', valueFrom: { secretKeyRef: { name: 'team', key: 'token' } } },
          { name: 'B', value: 'x' },
        ],
      },
      { env: { TRAINER_DEFAULT_CREDENTIALS_SECRET: 'fallback' } },
    );
    expect(env).toMatchObject({ HF_TOKEN: 'team/token', B: secret('x') });
    expect(env.TRAINING_SECRET_NAMES).toBe('HF_TOKEN');
    expect(modelEnv.ACCESS_TOKEN).toBe('team/token');
    expect(secrets).toEqual({ B: 'x' });
  });

  test('says the last word on a variable, once', () => {
    const { env, variables } = build({
      'base_model.auth_token': 'request',
      'extra_parameters.trainer_env': { HF_TOKEN: 'own' },
    });
    expect(env.HF_TOKEN).toEqual(secret('own'));
    expect(variables.filter(({ name }) => name === 'HF_TOKEN')).toHaveLength(1);
  });
});

describe('command and args', () => {
  test('have every dollar doubled', () => {
    const extra_parameters = { command: ['sh', '-c', 'echo $(X) $$'], trainer_args: ['$HOME'] };
    expect(build({ extra_parameters })).toMatchObject({
      command: ['sh', '-c', 'echo $$(X) $$$$'],
      args: ['$$HOME'],
    });
  });

  test('keep the references that a distributed start needs', () => {
    const extra_parameters = {
      command: ['run', '--nnodes=$(PET_NNODES)'],
      trainer_args: ['$(JOB_COMPLETION_INDEX)', '$(PET_MASTER_ADDR):$(PET_MASTER_PORT)', '$(PETS)'],
    };
    expect(build({ extra_parameters })).toMatchObject({
      command: ['run', '--nnodes=$(PET_NNODES)'],
      args: ['$(JOB_COMPLETION_INDEX)', '$(PET_MASTER_ADDR):$(PET_MASTER_PORT)', '$$(PETS)'],
    });
  });

  test('refer to the Secret for a credential that follows its flag, or is assigned', () => {
    const trainer_args = ['--hub_token', 'S3cr3t-1', '--api-key=S3cr3t-2', '--epochs', '3'];
    const built = build({ extra_parameters: { trainer_args } });
    const plain = ['--hub_token', '$(TRAINING_ARG_1)', '$(TRAINING_ARG_2)', '--epochs', '3'];
    expect(built.args).toEqual(plain);
    expect(built.env.TRAINING_ARG_2).toEqual(secret('--api-key=S3cr3t-2'));
    expect(JSON.stringify(built.variables)).not.toContain('S3cr3t');
  });

  test('refer to the Secret for a word that holds a credential', () => {
    const built = build({
      'base_model.auth_token': 'hf_abcdef',
      extra_parameters: {
        command: ['run', '--token=hf_abcdef'],
        trainer_args: ['--ok', 'https://u:p$w@h/x'],
      },
    });
    expect(built.command).toEqual(['run', '$(TRAINING_COMMAND_1)']);
    expect(built.args).toEqual(['--ok', '$(TRAINING_ARG_1)']);
    expect(built.env).toMatchObject({
      TRAINING_COMMAND_1: secret('--token=hf_abcdef'),
      TRAINING_ARG_1: secret('https://u:p$w@h/x'),
    });
  });
});
