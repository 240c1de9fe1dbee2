import { delimiter } from 'node:path';
import { z } from 'zod';
import { DNS_LABEL } from '../dns-names.ts';
import { RUNNERS } from '../runner-names.ts';
import {
  choice,
  decimal,
  dnsName,
  flag,
  integer,
  json,
  list,
  optionalDnsName,
  optionalText,
  plainUrl,
  type Setting,
  seconds,
  text,
} from './setting.ts';

/** A host name or an address, with or without a port, where * stands for anything. */
const HOST_PATTERN = /^([a-z0-9*]([a-z0-9*.-]*[a-z0-9*])?|\[[0-9a-f:.]+\])(:\d{1,5})?$/i;
/** A host name or an address, as a Host header has it before the port. */
const HOST_NAME = /^([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])$/;
/** A service's name and its origin. */
const PEER = /^[a-z0-9-]+=\S+$/;

/** Where pods of one `gpu_type` go: merged into the pod spec of the training pods. */
export const GpuPlacementSchema = z.strictObject({
  nodeSelector: z.record(z.string(), z.string()).optional(),
  tolerations: z.array(z.record(z.string(), z.unknown())).optional(),
});
export type GpuPlacement = z.output<typeof GpuPlacementSchema>;

const tokenNames = {
  schema: list.pipe(z.array(z.string().regex(/^[\w.-]{1,64}$/))).optional(),
  accepts: 'a name for each token, of letters, digits, _, . and -, separated by commas',
} satisfies Setting<unknown>;

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
  TRAINER_READ_TOKENS_FILE: optionalText,
  TRAINER_TOKEN_NAMES: tokenNames,
  TRAINER_READ_TOKEN_NAMES: tokenNames,
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
  TRAINER_JOB_RUNNER: choice('mock', [...RUNNERS, 'k8s']),
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
