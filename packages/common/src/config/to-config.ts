import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import type { SETTINGS } from './settings.ts';

/** What the service's own code sets; everything else comes from the environment. */
export interface ServiceDefaults {
  readonly port: number;
  readonly runtimeName: string;
}

/** What the variables say, each by its own schema. */
export type Values = { [K in keyof typeof SETTINGS]: z.output<(typeof SETTINGS)[K]['schema']> };

/** The validated, frozen settings of one service. Durations are milliseconds. */
export type Config = ReturnType<typeof toConfig>;

const POD_NAMESPACE_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/** Gives the values the names and groups under which the code knows them. */
export function toConfig(
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
    readTokensFile: values.TRAINER_READ_TOKENS_FILE,
    readTokenNames: values.TRAINER_READ_TOKEN_NAMES ?? [],
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

function podNamespace(): string | undefined {
  try {
    return readFileSync(POD_NAMESPACE_FILE, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
