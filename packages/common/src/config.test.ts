import { describe, expect, test } from 'vitest';
import { isLoopbackHost } from './config/loopback-host.ts';
import { ConfigError, parseConfig, SETTINGS } from './config.ts';

const DEFAULTS = { port: 8081, runtimeName: 'nemo-runtime' };
const parse = (env: Record<string, string | undefined> = {}) => parseConfig(DEFAULTS, env);

function refusalOf(env: Record<string, string>): string {
  try {
    parse(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'accepted';
}

test('without any setting, the defaults of the contract hold', () => {
  expect(parse()).toEqual({
    changedSettings: {},
    readTokens: [],
    readTokensFile: undefined,
    readTokenNames: [],
    tokenNames: [],
    host: '127.0.0.1',
    port: 8081,
    logLevel: 'info',
    tokens: [],
    tokenFile: undefined,
    allowAnonymous: false,
    allowedHosts: [],
    corsOrigins: [],
    rateLimitPerMinute: 30_000,
    peers: [],
    maxJobs: 10_000,
    maxLogReaders: 50,
    runner: 'mock',
    jobTtlMs: 7 * 86_400_000,
    trainJobTtlMs: 86_400_000,
    mock: { submittedMs: 2000, runningMs: 30_000 },
    local: {
      ...{ stateDir: '.trainer', roots: [], python: 'python3', device: 'auto', cores: undefined },
      ...{ allowedVariables: [], allowedHosts: [] },
    },
    graceMs: 120_000,
    stalledAfterMs: 300_000,
    runtime: {
      name: 'nemo-runtime',
      kind: 'ClusterTrainingRuntime',
      apiGroup: 'trainer.kubeflow.org',
    },
    trainJobApiVersion: 'trainer.kubeflow.org/v1alpha1',
    // The pod's own one, where the tests run in a pod.
    jobsNamespace: expect.any(String),
    trainingServiceAccount: undefined,
    allowedSecrets: [],
    defaultCredentialsSecret: undefined,
    s3Endpoint: undefined,
    s3Region: undefined,
    s3Policy: 'off',
    s3AllowedPrefixes: [],
    gpuTypes: {},
    publicUrl: undefined,
    dashboardUrlTemplate: undefined,
    defaultContainerImage: undefined,
    reports: { port: undefined, url: undefined },
    callbacks: expect.objectContaining({
      intervalMs: 60_000,
      allowedHosts: undefined,
      signingSecrets: [],
      submittedAs: 'submitted',
      proxyUrl: undefined,
    }),
  });
});

test('an empty variable is one that is not set', () => {
  const empty = Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, '']));
  expect(parse(empty)).toEqual(parse());
});

describe('accepted', () => {
  test.each<[string, string, object]>([
    ['PORT', '0', { port: 0 }],
    ['PORT', '65535', { port: 65_535 }],
    ['HOST', '::1', { host: '::1' }],
    ['LOG_LEVEL', 'debug', { logLevel: 'debug' }],
    ['TRAINER_API_TOKEN', 'a', { tokens: ['a'] }],
    ['TRAINER_API_TOKEN', ' a, b ,,c', { tokens: ['a', 'b', 'c'] }],
    ['TRAINER_JOB_RUNNER', 'mock', { runner: 'mock' }],
    ['TRAINER_JOB_RUNNER', 'kubernetes', { runner: 'kubernetes' }],
    ['TRAINER_JOB_RUNNER', 'local', { runner: 'local' }],
    [
      'TRAINER_LOCAL_ROOTS',
      '/a::/b b',
      { local: expect.objectContaining({ roots: ['/a', '/b b'] }) },
    ],
    ['TRAINER_GRACE_SECONDS', '0.5', { graceMs: 500 }],
    ['TRAINER_STALLED_AFTER_SECONDS', '7', { stalledAfterMs: 7000 }],
    ['TRAINER_JOB_RUNNER', 'k8s', { runner: 'kubernetes' }],
    ['TRAINER_JOB_TTL_SECONDS', '0', { jobTtlMs: 0 }],
    ['TRAINER_MOCK_RUNNING_SECONDS', '0.25', { mock: { submittedMs: 2000, runningMs: 250 } }],
    ['TRAINER_CALLBACK_INTERVAL_SECONDS', '1', {}],
    ['TRAINER_CALLBACK_INTERVAL_SECONDS', '86400', {}],
    ['TRAINER_JOBS_NAMESPACE', 'jobs', { jobsNamespace: 'jobs' }],
    ['TRAINER_RUNTIME_NAME', 'own', { runtime: expect.objectContaining({ name: 'own' }) }],
    ['TRAINER_TRAINJOB_API_VERSION', 'x.y/v2', { trainJobApiVersion: 'x.y/v2' }],
    ['TRAINER_S3_ENDPOINT', 'http://minio:9000', { s3Endpoint: 'http://minio:9000' }],
    ['TRAINER_GPU_TYPES', '{"A100":{}}', { gpuTypes: { A100: {} } }],
    ['TRAINER_ALLOWED_SECRETS', 'a, b.c', { allowedSecrets: ['a', 'b.c'] }],
    ['TRAINER_S3_POLICY', 'studio', { s3Policy: 'studio' }],
    [
      'TRAINER_S3_ALLOWED_PREFIXES',
      's3://a/b/,hf://',
      { s3AllowedPrefixes: ['s3://a/b/', 'hf://'] },
    ],
    [
      'TRAINER_PEERS',
      'meta=https://m.example,nemo=http://127.0.0.1:8081',
      {
        peers: [
          { name: 'meta', origin: 'https://m.example' },
          { name: 'nemo', origin: 'http://127.0.0.1:8081' },
        ],
      },
    ],
    ['TRAINER_PUBLIC_URL', 'https://m.example/', { publicUrl: 'https://m.example' }],
    [
      'TRAINER_DASHBOARD_URL_TEMPLATE',
      'https://d/{namespace}/{name}?id={job_id}',
      { dashboardUrlTemplate: 'https://d/{namespace}/{name}?id={job_id}' },
    ],
    ['DEFAULT_CONTAINER_IMAGE', 'image:1', { defaultContainerImage: 'image:1' }],
  ])('%s=%s', (name, value, expected) => {
    expect(parse({ [name]: value })).toMatchObject(expected);
  });
});

describe('a bad value is named with what is accepted', () => {
  test.each([
    ['PORT', '70000', 'a port from 0 to 65535'],
    ['PORT', '-1', 'a port from 0 to 65535'],
    ['PORT', '80.5', 'a port from 0 to 65535'],
    ['PORT', '80 ', 'a port from 0 to 65535'],
    ['LOG_LEVEL', 'loud', 'one of fatal, error, warn, info, debug, trace, silent'],
    ['TRAINER_ALLOW_ANONYMOUS', 'yes', 'true or false'],
    ['TRAINER_RATE_LIMIT_PER_MINUTE', '1.5', 'a whole number from 0 to'],
    ['TRAINER_MAX_JOBS', '0', 'a whole number from 1 to'],
    ['TRAINER_JOB_RUNNER', 'slurm', 'one of mock, local, kubernetes, k8s'],
    ['TRAINER_JOB_TTL_SECONDS', 'week', 'a number of seconds from 0 to'],
    ['TRAINER_TRAINJOB_TTL_SECONDS', '-5', 'a number of seconds from 0 to'],
    ['TRAINER_MOCK_SUBMITTED_SECONDS', '1e3', 'a number of seconds from 0 to'],
    ['TRAINER_MOCK_RUNNING_SECONDS', 'NaN', 'a number of seconds from 0 to'],
    ['TRAINER_RUNTIME_NAME', 'My Runtime', 'a Kubernetes name'],
    ['TRAINER_RUNTIME_KIND', 'Runtime', 'one of ClusterTrainingRuntime, TrainingRuntime'],
    ['TRAINER_RUNTIME_API_GROUP', 'a/b', 'an API group such as trainer.kubeflow.org'],
    ['TRAINER_TRAINJOB_API_VERSION', 'v1', 'group/version'],
    ['TRAINER_JOBS_NAMESPACE', 'Jobs', 'a namespace'],
    ['TRAINER_JOBS_NAMESPACE', 'a.b', 'a namespace'],
    ['DEFAULT_CONTAINER_IMAGE', 'a b', 'an image reference'],
    ['TRAINER_TRAINING_SERVICE_ACCOUNT', '-a', 'a Kubernetes name'],
    ['TRAINER_DEFAULT_CREDENTIALS_SECRET', 'a_b', 'a Kubernetes name'],
    ['TRAINER_S3_ENDPOINT', 'minio:9000', 'an http(s) URL without user name'],
    ['TRAINER_S3_ENDPOINT', 'https://minio/?a=b', 'an http(s) URL without user name'],
    ['TRAINER_S3_ENDPOINT', 'https://', 'an http(s) URL without user name'],
    ['TRAINER_ALLOWED_SECRETS', 'a_b', 'one name of a Secret'],
    ['TRAINER_S3_ALLOWED_PREFIXES', 'bucket', 'one address such as'],
    ['TRAINER_S3_POLICY', 'on', 'one of off, studio'],
    ['TRAINER_GPU_TYPES', '{', 'a JSON object that maps a gpu_type'],
    ['TRAINER_GPU_TYPES', '[]', 'a JSON object that maps a gpu_type'],
    ['TRAINER_GPU_TYPES', '{"A100":{"affinity":{}}}', 'a JSON object that maps a gpu_type'],
    ['TRAINER_DASHBOARD_URL_TEMPLATE', 'dashboard', 'an http(s) URL, with {namespace}'],
    ['TRAINER_CALLBACK_INTERVAL_SECONDS', '0', 'a number of seconds from 1 to 86400'],
    ['TRAINER_CALLBACK_INTERVAL_SECONDS', '86401', 'a number of seconds from 1 to 86400'],
    ['TRAINER_CALLBACK_RETRY_SECONDS', '0', 'a number of seconds from 1 to'],
    ['TRAINER_CALLBACK_ALLOWED_HOSTS', ',', 'host names separated by commas'],
    ['TRAINER_API_TOKEN', ' , ', 'one token, or several separated by commas'],
    ['TRAINER_CALLBACK_SIGNING_SECRETS', 'short', 'whsec_ and at least 24 base64-encoded bytes'],
  ])('%s=%s', (name, value, accepts) => {
    const message = refusalOf({ [name]: value });
    expect(message).toContain(`${name} is`);
    expect(message).toContain(`it must be ${accepts}`);
    expect(message).toMatch(/\.$/);
  });

  test.each([
    ['TRAINER_API_TOKEN', ','],
    ['TRAINER_CALLBACK_SIGNING_SECRETS', 'whsec_S3CR3T!'],
    ['TRAINER_S3_ENDPOINT', 'https://user:S3CR3T@minio'],
    ['TRAINER_DASHBOARD_URL_TEMPLATE', 'ftp://user:S3CR3T@host/'],
  ])('%s, whose value may be a secret, is not repeated', (name, value) => {
    const message = refusalOf({ [name]: value });
    expect(message).toContain(`${name} is not valid;`);
    expect(message).not.toContain('S3CR3T');
  });

  test('together with all the others', () => {
    const message = refusalOf({ PORT: 'x', LOG_LEVEL: 'x', TRAINER_JOB_RUNNER: 'x', HOST: 'h' });
    for (const name of ['PORT', 'LOG_LEVEL', 'TRAINER_JOB_RUNNER']) {
      expect(message).toContain(`${name} is "x"`);
    }
    expect(message).toContain('HOST is h, which other machines can reach');
  });

  test('for each setting that refuses anything at all', () => {
    for (const [name, { accepts }] of Object.entries(SETTINGS)) {
      expect(accepts, name).toMatch(/^(a|an|one|true|host|whsec_|group)/);
    }
  });
});

describe('a proxy for callbacks', () => {
  const env = { TRAINER_CALLBACK_PROXY: 'http://user:secret@proxy.example:3128' };

  test('needs the hosts that webhooks may be at', () => {
    expect(() => parse(env)).toThrow(
      /TRAINER_CALLBACK_PROXY .* set TRAINER_CALLBACK_ALLOWED_HOSTS/,
    );
    expect(() => parse(env)).not.toThrow(/secret/);
    const { callbacks } = parse({ ...env, TRAINER_CALLBACK_ALLOWED_HOSTS: '*.example.com' });
    expect(callbacks).toMatchObject({ proxyUrl: env.TRAINER_CALLBACK_PROXY });
  });

  test.each([
    'proxy.example:3128',
    'socks5://proxy.example',
    'http://proxy.example/path',
    'http://',
  ])('is not %s', (url) => {
    const hosts = { TRAINER_CALLBACK_ALLOWED_HOSTS: '*' };
    expect(() => parse({ ...hosts, TRAINER_CALLBACK_PROXY: url })).toThrow(
      /^TRAINER_CALLBACK_PROXY is not valid; it must be an http\(s\) URL of a proxy/,
    );
  });
});

describe('without a token', () => {
  test.each(['0.0.0.0', '::', '10.0.0.1', 'trainer.example.com', '127.0.0.1.example.com'])(
    'a host that others reach is refused: %s',
    (HOST) => {
      const message = refusalOf({ HOST });
      expect(message).toContain(`HOST is ${HOST}`);
      expect(message).toContain('TRAINER_API_TOKEN');
      expect(message).toContain('TRAINER_ALLOW_ANONYMOUS=true');
    },
  );

  test.each<Record<string, string>>([
    { HOST: '127.0.0.1' },
    { HOST: '127.8.9.1' },
    { HOST: '::1' },
    { HOST: 'localhost' },
    { HOST: '0.0.0.0', TRAINER_API_TOKEN: 't' },
    { HOST: '0.0.0.0', TRAINER_API_TOKEN_FILE: '/run/token' },
    { HOST: '0.0.0.0', TRAINER_ALLOW_ANONYMOUS: 'true' },
  ])('these start: %j', (env) => {
    expect(refusalOf(env)).toBe('accepted');
  });

  test('TRAINER_ALLOW_ANONYMOUS=false allows nobody', () => {
    expect(refusalOf({ HOST: '0.0.0.0', TRAINER_ALLOW_ANONYMOUS: 'false' })).toContain('HOST is');
  });
});

test.each([
  ['127.0.0.1', true],
  ['127.999.0.1', false],
  ['128.0.0.1', false],
  ['localhost', true],
  ['localhost.example.com', false],
  ['::1', true],
  ['::', false],
  ['', false],
])('only this machine reaches %j: %s', (host, expected) => {
  expect(isLoopbackHost(host)).toBe(expected);
});

test('a config cannot be changed', () => {
  const config = parse() as { port: number; runtime: { name: string } };
  expect(() => {
    config.port = 1;
  }).toThrow(TypeError);
  expect(() => {
    config.runtime.name = 'x';
  }).toThrow(TypeError);
});

describe('reports of trainings', () => {
  const URL = 'http://reports.example:8090';

  test('are told the address without a slash at its end', () => {
    const env = { TRAINER_REPORTS_PORT: '8090', TRAINER_REPORTS_URL: `${URL}/` };
    expect(parse(env).reports).toEqual({ port: 8090, url: URL });
  });

  test('are sent nowhere that nobody listens', () => {
    expect(() => parse({ TRAINER_REPORTS_URL: URL })).toThrow(/set TRAINER_REPORTS_PORT/);
    expect(parse({ TRAINER_REPORTS_URL: URL, TRAINER_JOB_RUNNER: 'local' }).reports.url).toBe(URL);
  });

  test('do not share the port of the API', () => {
    expect(() => parse({ TRAINER_REPORTS_PORT: '8081' })).toThrow(/a port of their own/);
  });
});

test('tells which settings are not as by default, and of a secret one only that it is set', () => {
  const { changedSettings } = parse({
    PORT: '9000',
    HOST: '127.0.0.1',
    TRAINER_API_TOKEN: 's3cret',
    TRAINER_CALLBACK_INTERVAL_SECONDS: '60.0',
    TRAINER_S3_ENDPOINT: 'https://minio.example.com',
  });
  expect(changedSettings).toEqual({
    PORT: '9000',
    TRAINER_API_TOKEN: '(set)',
    TRAINER_S3_ENDPOINT: '(set)',
  });
});
