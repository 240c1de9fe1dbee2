import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { delimiter } from 'node:path';
import { z } from 'zod';
import { DNS_LABEL, DNS_NAME } from './dns-names.ts';

/** What the service's own code sets; everything else comes from the environment. */
export interface ServiceDefaults {
  readonly port: number;
  readonly runtimeName: string;
}

interface Setting<T> {
  readonly schema: z.ZodType<T, string | undefined>;
  /** Completes "it must be …". */
  readonly accepts: string;
  /** Its value may be a credential and is never repeated. */
  readonly secret?: boolean;
}

const POD_NAMESPACE_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';
/** A host name or an address, with or without a port, where * stands for anything. */
const HOST_PATTERN = /^([a-z0-9*]([a-z0-9*.-]*[a-z0-9*])?|\[[0-9a-f:.]+\])(:\d{1,5})?$/i;
/** A host name or an address, as a Host header has it before the port. */
const HOST_NAME = /^([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])$/;
/** A service's name and its origin. */
const PEER = /^[a-z0-9-]+=\S+$/;
const MAX_SECONDS = 10 * 365 * 86_400;

const text = z.string().min(1);
const dnsName = z.string().regex(DNS_NAME);
const list = z
  .string()
  .transform((value) => value.split(',').map((item) => item.trim()))
  .transform((items) => items.filter((item) => item !== ''))
  .pipe(z.array(z.string()).min(1));

/** A decimal number of seconds in the environment, milliseconds in the config. */
function seconds(fallback: number, min: number, max = MAX_SECONDS): Setting<number> {
  return {
    schema: decimal(min, max)
      .default(fallback)
      .transform((value) => value * 1000),
    accepts: `a number of seconds from ${min} to ${max}`,
  };
}

function integer(fallback: number, min: number, max: number): Setting<number> {
  return {
    schema: decimal(min, max).pipe(z.int()).default(fallback),
    accepts: `a whole number from ${min} to ${max}`,
  };
}

function decimal(min: number, max: number) {
  return z
    .string()
    .regex(/^\d+(\.\d+)?$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max));
}

function choice<const T extends string>(fallback: T, values: readonly T[]): Setting<T> {
  return {
    schema: z.enum(values as readonly [T, ...T[]]).default(fallback as never) as never,
    accepts: `one of ${values.join(', ')}`,
  };
}

function json<T>(schema: z.ZodType<T>, accepts: string): Setting<T | undefined> {
  const parsed = z.string().transform((value, context) => {
    try {
      return JSON.parse(value) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: 'not JSON' });
      return z.NEVER;
    }
  });
  return { schema: parsed.pipe(schema as z.ZodType<T, unknown>).optional(), accepts };
}

const flag: Setting<boolean> = {
  schema: z
    .enum(['true', 'false', '1', '0'])
    .default('false')
    .transform((value) => value === 'true' || value === '1'),
  accepts: 'true or false',
};
const optionalText: Setting<string | undefined> = {
  schema: text.optional(),
  accepts: 'a text that is not empty',
};
const plainUrl: Setting<string | undefined> = {
  schema: z
    .string()
    .regex(/^https?:\/\/[^\s@?#]+$/)
    .refine((value) => URL.canParse(value))
    .optional(),
  accepts: 'an http(s) URL without user name, password and query',
  secret: true,
};
const optionalDnsName: Setting<string | undefined> = {
  schema: dnsName.optional(),
  accepts: 'a Kubernetes name: lower-case letters, digits, - and .',
};

/** Where pods of one `gpu_type` go: merged into the pod spec of the training pods. */
export const GpuPlacementSchema = z.strictObject({
  nodeSelector: z.record(z.string(), z.string()).optional(),
  tolerations: z.array(z.record(z.string(), z.unknown())).optional(),
});
export type GpuPlacement = z.output<typeof GpuPlacementSchema>;

/** Every environment variable that the services read, with what it accepts. */
export const SETTINGS = {
  HOST: { schema: text.default('127.0.0.1'), accepts: 'a host name or an address' },
  PORT: { schema: decimal(0, 65_535).pipe(z.int()).optional(), accepts: 'a port from 0 to 65535' },
  LOG_LEVEL: choice('info', ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
  TRAINER_API_TOKEN: {
    schema: list.optional(),
    accepts: 'one token, or several separated by commas',
    secret: true,
  },
  TRAINER_API_TOKEN_FILE: optionalText,
  TRAINER_READ_TOKENS: {
    schema: list.optional(),
    accepts: 'one token, or several separated by commas',
    secret: true,
  },
  TRAINER_TOKEN_NAMES: {
    schema: list.pipe(z.array(z.string().regex(/^[\w.-]{1,64}$/))).optional(),
    accepts: 'a name for each token, of letters, digits, _, . and -, separated by commas',
  },
  TRAINER_ALLOW_ANONYMOUS: flag,
  TRAINER_ALLOWED_HOSTS: {
    schema: list.pipe(z.array(z.string().toLowerCase().regex(HOST_NAME))).optional(),
    accepts: 'host names separated by commas, without ports',
  },
  TRAINER_CORS_ORIGINS: {
    schema: list.pipe(z.array(z.string().refine(isOrigin))).optional(),
    accepts: 'one origin such as https://studio.example.com, or several separated by commas',
  },
  TRAINER_PEERS: {
    schema: list
      .pipe(z.array(z.string().regex(PEER)).transform(toPeers).refine(areOrigins))
      .optional(),
    accepts:
      'a name and an origin such as nemo=https://nemo.example.com, or several separated by commas',
  },
  TRAINER_RATE_LIMIT_PER_MINUTE: integer(30_000, 0, 100_000_000),
  TRAINER_MAX_JOBS: integer(10_000, 1, 10_000_000),
  TRAINER_MAX_LOG_READERS: integer(50, 0, 10_000),
  TRAINER_REPORTS_PORT: {
    schema: decimal(0, 65_535).pipe(z.int()).optional(),
    accepts: 'a port from 0 to 65535',
  },
  TRAINER_REPORTS_URL: plainUrl,
  TRAINER_JOB_RUNNER: choice('mock', ['mock', 'local', 'kubernetes', 'k8s']),
  TRAINER_JOB_TTL_SECONDS: seconds(7 * 86_400, 0),
  TRAINER_TRAINJOB_TTL_SECONDS: seconds(86_400, 0),
  TRAINER_MOCK_SUBMITTED_SECONDS: seconds(2, 0),
  TRAINER_MOCK_RUNNING_SECONDS: seconds(30, 0),
  TRAINER_LOCAL_STATE_DIR: { schema: text.default('.trainer'), accepts: 'a folder' },
  TRAINER_LOCAL_ROOTS: {
    schema: z
      .string()
      .transform((value) => value.split(delimiter).filter((folder) => folder !== ''))
      .optional(),
    accepts: `a folder, or several separated by "${delimiter}"`,
  },
  TRAINER_LOCAL_PYTHON: {
    schema: text.default('python3'),
    accepts: 'a Python that has the package trainer_runtime',
  },
  TRAINER_LOCAL_DEVICE: choice('auto', ['auto', 'cpu']),
  TRAINER_LOCAL_CORES: {
    schema: decimal(1, 4096).pipe(z.int()).optional(),
    accepts: 'a whole number from 1 to 4096',
  },
  TRAINER_LOCAL_ENV_ALLOWED: {
    schema: list.pipe(z.array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/))).optional(),
    accepts: 'a name of a variable, or several separated by commas',
  },
  TRAINER_LOCAL_ALLOWED_HOSTS: {
    schema: list.pipe(z.array(z.string().regex(HOST_PATTERN))).optional(),
    accepts: 'host names separated by commas, with * as a wildcard: *.example.com',
  },
  TRAINER_GRACE_SECONDS: seconds(120, 0, 86_400),
  TRAINER_STALLED_AFTER_SECONDS: seconds(300, 1, 86_400),
  TRAINER_RUNTIME_NAME: optionalDnsName,
  TRAINER_RUNTIME_KIND: choice('ClusterTrainingRuntime', [
    'ClusterTrainingRuntime',
    'TrainingRuntime',
  ]),
  TRAINER_RUNTIME_API_GROUP: {
    schema: dnsName.default('trainer.kubeflow.org'),
    accepts: 'an API group such as trainer.kubeflow.org',
  },
  TRAINER_TRAINJOB_API_VERSION: {
    schema: z
      .string()
      .regex(/^[a-z0-9.-]+\/v[a-z0-9]+$/)
      .default('trainer.kubeflow.org/v1alpha1'),
    accepts: 'group/version, such as trainer.kubeflow.org/v1alpha1',
  },
  TRAINER_JOBS_NAMESPACE: {
    schema: z.string().regex(DNS_LABEL).optional(),
    accepts: 'a namespace: at most 63 lower-case letters, digits and -',
  },
  TRAINER_TRAINING_SERVICE_ACCOUNT: optionalDnsName,
  TRAINER_DEFAULT_CREDENTIALS_SECRET: optionalDnsName,
  TRAINER_ALLOWED_SECRETS: {
    schema: list.pipe(z.array(dnsName)).optional(),
    accepts: 'one name of a Secret, or several separated by commas',
  },
  TRAINER_S3_ENDPOINT: plainUrl,
  TRAINER_S3_REGION: optionalText,
  TRAINER_S3_POLICY: choice('off', ['off', 'studio']),
  TRAINER_S3_ALLOWED_PREFIXES: {
    schema: list.pipe(z.array(z.string().regex(/^[a-z][a-z0-9+.-]*:\/\/[^\s?#]*$/))).optional(),
    accepts: 'one address such as s3://bucket/folder/ or hf://, or several separated by commas',
  },
  TRAINER_GPU_TYPES: json(
    z.record(z.string(), GpuPlacementSchema),
    'a JSON object that maps a gpu_type to {"nodeSelector": {…}, "tolerations": […]}',
  ),
  TRAINER_PUBLIC_URL: plainUrl,
  TRAINER_DASHBOARD_URL_TEMPLATE: {
    schema: z
      .string()
      .regex(/^https?:\/\/\S+$/)
      .optional(),
    accepts: 'an http(s) URL, with {namespace}, {name} and {job_id} where they belong',
    secret: true,
  },
  TRAINER_CALLBACK_INTERVAL_SECONDS: seconds(60, 1, 86_400),
  TRAINER_CALLBACK_RETRY_SECONDS: seconds(28 * 3600, 1),
  TRAINER_CALLBACK_ALLOWED_HOSTS: {
    schema: list.pipe(z.array(z.string().regex(HOST_PATTERN))).optional(),
    accepts: 'host names separated by commas, with * as a wildcard: *.example.com',
  },
  TRAINER_CALLBACK_SIGNING_SECRETS: {
    schema: list.pipe(z.array(z.string().regex(/^(whsec_)?[A-Za-z0-9+/]{32,}={0,2}$/))).optional(),
    accepts: 'whsec_ and at least 24 base64-encoded bytes; several separated by commas',
    secret: true,
  },
  TRAINER_CALLBACK_SUBMITTED_AS: choice('submitted', ['submitted', 'queued']),
  TRAINER_CALLBACK_PROXY: {
    schema: z
      .string()
      .regex(/^https?:\/\/[^\s/?#]+\/?$/)
      .refine((value) => URL.canParse(value))
      .optional(),
    accepts: 'an http(s) URL of a proxy, such as http://proxy.example:3128',
    secret: true,
  },
  DEFAULT_CONTAINER_IMAGE: {
    schema: z.string().regex(/^\S+$/).optional(),
    accepts: 'an image reference such as registry.example/team/image:1.2',
  },
} satisfies Record<string, Setting<unknown>>;

type Values = { [K in keyof typeof SETTINGS]: z.output<(typeof SETTINGS)[K]['schema']> };

/** The validated, frozen settings of one service. Durations are milliseconds. */
export type Config = ReturnType<typeof toConfig>;

/** The environment does not describe a service that can run; the message says all that is wrong. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Validates `env` (by default the process's) into a Config.
 * @throws ConfigError naming every bad variable and what it accepts.
 */
export function parseConfig(
  defaults: ServiceDefaults,
  env: Record<string, string | undefined> = process.env,
): Config {
  const problems: string[] = [];
  const changed: Record<string, string> = {};
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries<Setting<unknown>>(SETTINGS)) {
    const raw = env[name] === '' ? undefined : env[name];
    const result = setting.schema.safeParse(raw);
    if (result.success) {
      values[name] = result.data;
      const byDefault = JSON.stringify(setting.schema.safeParse(undefined).data);
      const isChanged = raw !== undefined && JSON.stringify(result.data) !== byDefault;
      if (isChanged) changed[name] = setting.secret ? '(set)' : raw;
    } else {
      const shown = setting.secret ? 'is not valid' : `is ${JSON.stringify(raw)}`;
      problems.push(`${name} ${shown}; it must be ${setting.accepts}.`);
    }
  }
  const config = toConfig(values as Values, defaults, changed);
  const isWhoMayCallKnown = ACCESS.every((name) => name in values);
  if (isWhoMayCallKnown) problems.push(...contradictions(config));
  if ('TRAINER_CALLBACK_ALLOWED_HOSTS' in values) problems.push(...uncheckedProxy(config));
  if (REPORTS.every((name) => name in values)) problems.push(...unheardReports(config));
  if (problems.length > 0) throw new ConfigError(problems.join(' '));
  return config;
}

function toConfig(
  values: Values,
  defaults: ServiceDefaults,
  changedSettings: Readonly<Record<string, string>>,
) {
  return Object.freeze({
    /** The variables whose values are not the defaults; of those that may be secret, that they are set. */
    changedSettings: Object.freeze(changedSettings),
    host: values.HOST,
    port: values.PORT ?? defaults.port,
    logLevel: values.LOG_LEVEL,
    tokens: values.TRAINER_API_TOKEN ?? [],
    tokenFile: values.TRAINER_API_TOKEN_FILE,
    readTokens: values.TRAINER_READ_TOKENS ?? [],
    tokenNames: values.TRAINER_TOKEN_NAMES ?? [],
    allowAnonymous: values.TRAINER_ALLOW_ANONYMOUS,
    allowedHosts: values.TRAINER_ALLOWED_HOSTS ?? [],
    corsOrigins: values.TRAINER_CORS_ORIGINS ?? [],
    peers: values.TRAINER_PEERS ?? [],
    rateLimitPerMinute: values.TRAINER_RATE_LIMIT_PER_MINUTE,
    maxJobs: values.TRAINER_MAX_JOBS,
    maxLogReaders: values.TRAINER_MAX_LOG_READERS,
    runner: values.TRAINER_JOB_RUNNER === 'k8s' ? 'kubernetes' : values.TRAINER_JOB_RUNNER,
    jobTtlMs: values.TRAINER_JOB_TTL_SECONDS,
    trainJobTtlMs: values.TRAINER_TRAINJOB_TTL_SECONDS,
    mock: Object.freeze({
      submittedMs: values.TRAINER_MOCK_SUBMITTED_SECONDS,
      runningMs: values.TRAINER_MOCK_RUNNING_SECONDS,
    }),
    local: Object.freeze({
      stateDir: values.TRAINER_LOCAL_STATE_DIR,
      roots: values.TRAINER_LOCAL_ROOTS ?? [],
      python: values.TRAINER_LOCAL_PYTHON,
      device: values.TRAINER_LOCAL_DEVICE,
      cores: values.TRAINER_LOCAL_CORES,
      allowedVariables: values.TRAINER_LOCAL_ENV_ALLOWED ?? [],
      allowedHosts: values.TRAINER_LOCAL_ALLOWED_HOSTS ?? [],
    }),
    graceMs: values.TRAINER_GRACE_SECONDS,
    stalledAfterMs: values.TRAINER_STALLED_AFTER_SECONDS,
    runtime: Object.freeze({
      name: values.TRAINER_RUNTIME_NAME ?? defaults.runtimeName,
      kind: values.TRAINER_RUNTIME_KIND as string,
      apiGroup: values.TRAINER_RUNTIME_API_GROUP,
    }),
    trainJobApiVersion: values.TRAINER_TRAINJOB_API_VERSION,
    jobsNamespace: values.TRAINER_JOBS_NAMESPACE ?? podNamespace() ?? 'default',
    trainingServiceAccount: values.TRAINER_TRAINING_SERVICE_ACCOUNT,
    allowedSecrets: values.TRAINER_ALLOWED_SECRETS ?? [],
    defaultCredentialsSecret: values.TRAINER_DEFAULT_CREDENTIALS_SECRET,
    s3Endpoint: values.TRAINER_S3_ENDPOINT,
    s3Region: values.TRAINER_S3_REGION,
    s3Policy: values.TRAINER_S3_POLICY,
    s3AllowedPrefixes: values.TRAINER_S3_ALLOWED_PREFIXES ?? [],
    gpuTypes: values.TRAINER_GPU_TYPES ?? {},
    publicUrl: values.TRAINER_PUBLIC_URL?.replace(/\/+$/, ''),
    dashboardUrlTemplate: values.TRAINER_DASHBOARD_URL_TEMPLATE,
    defaultContainerImage: values.DEFAULT_CONTAINER_IMAGE,
    reports: Object.freeze({
      port: values.TRAINER_REPORTS_PORT,
      url: values.TRAINER_REPORTS_URL?.replace(/\/+$/, ''),
    }),
    callbacks: Object.freeze({
      intervalMs: values.TRAINER_CALLBACK_INTERVAL_SECONDS,
      retryPeriodMs: values.TRAINER_CALLBACK_RETRY_SECONDS,
      allowedHosts: values.TRAINER_CALLBACK_ALLOWED_HOSTS,
      signingSecrets: values.TRAINER_CALLBACK_SIGNING_SECRETS ?? [],
      submittedAs: values.TRAINER_CALLBACK_SUBMITTED_AS,
      proxyUrl: values.TRAINER_CALLBACK_PROXY,
    }),
  });
}

/** Those of the process's own variables that are named and set. */
export function inheritEnvironment(
  names: readonly string[],
  env: Record<string, string | undefined> = process.env,
): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  );
}

/** The settings that together say who may call. */
const ACCESS = [
  'HOST',
  'TRAINER_API_TOKEN',
  'TRAINER_API_TOKEN_FILE',
  'TRAINER_READ_TOKENS',
  'TRAINER_ALLOW_ANONYMOUS',
] as const satisfies readonly (keyof typeof SETTINGS)[];

function contradictions(config: Config): string[] {
  const hasToken = config.tokens.length > 0 || config.tokenFile !== undefined;
  if (!hasToken && config.readTokens.length > 0) {
    return [
      'TRAINER_READ_TOKENS is set, but without TRAINER_API_TOKEN or TRAINER_API_TOKEN_FILE everyone ' +
        'may do everything; set one of them.',
    ];
  }
  if (config.readTokens.some((token) => config.tokens.includes(token))) {
    return [
      'TRAINER_READ_TOKENS holds a token of TRAINER_API_TOKEN, which is good for everything.',
    ];
  }
  if (hasToken || config.allowAnonymous || isLoopbackHost(config.host)) return [];
  return [
    `HOST is ${config.host}, which other machines can reach, but no token is set; set ` +
      'TRAINER_API_TOKEN or TRAINER_API_TOKEN_FILE, or TRAINER_ALLOW_ANONYMOUS=true to serve everyone.',
  ];
}

/** The settings that together say how trainings report. */
const REPORTS = [
  'PORT',
  'TRAINER_JOB_RUNNER',
  'TRAINER_REPORTS_PORT',
  'TRAINER_REPORTS_URL',
] as const satisfies readonly (keyof typeof SETTINGS)[];

function unheardReports({ runner, port, reports }: Config): string[] {
  if (reports.port !== undefined && reports.port !== 0 && reports.port === port) {
    return [`TRAINER_REPORTS_PORT is ${port}, which is PORT; reports need a port of their own.`];
  }
  if (reports.url === undefined || reports.port !== undefined || runner === 'local') return [];
  return [
    'TRAINER_REPORTS_URL is set, so that trainings report there, but nothing listens for it; set ' +
      'TRAINER_REPORTS_PORT.',
  ];
}

/** What a proxy dials cannot be checked, so the operator has to say which hosts may be. */
function uncheckedProxy({ callbacks }: Config): string[] {
  if (callbacks.proxyUrl === undefined || callbacks.allowedHosts !== undefined) return [];
  return [
    'TRAINER_CALLBACK_PROXY is set, so the addresses that webhooks resolve to cannot be checked; set ' +
      'TRAINER_CALLBACK_ALLOWED_HOSTS to the hosts that they may be at.',
  ];
}

/** Whether a listener on `host` can be reached from this machine only. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

function toPeers(texts: readonly string[]): { name: string; origin: string }[] {
  return texts.map((text) => {
    const [name = '', origin = ''] = text.split('=');
    return { name, origin };
  });
}

function areOrigins(peers: readonly { origin: string }[]): boolean {
  return peers.every(({ origin }) => isOrigin(origin));
}

/** Exactly as browsers send it: no path, no wildcard. */
function isOrigin(text: string): boolean {
  return /^https?:\/\/[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

function podNamespace(): string | undefined {
  try {
    return readFileSync(POD_NAMESPACE_FILE, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
