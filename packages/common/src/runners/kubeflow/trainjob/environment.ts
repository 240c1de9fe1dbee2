import type { JobSpec } from '../../../jobs/job-spec.ts';
import { createSecretTest, withoutCredentials } from '../../../requests/credentials.ts';
import type { StorageAuth } from '../../../requests/training-request.ts';

/** A variable as Kubernetes takes it. */
export type EnvVar =
  | { readonly name: string; readonly value: string }
  | {
      readonly name: string;
      readonly valueFrom: {
        readonly secretKeyRef: {
          readonly name: string;
          readonly key: string;
          readonly optional?: true;
        };
      };
    };

export interface Environment {
  readonly variables: readonly EnvVar[];
  readonly dataset: readonly EnvVar[];
  readonly model: readonly EnvVar[];
  readonly command: readonly string[] | undefined;
  readonly args: readonly string[] | undefined;
  /** Values of the job's own Secret by key: all that must not stand on another object. */
  readonly secrets: Readonly<Record<string, string>>;
}

type AwsName = keyof typeof AWS_NAMES;
type Credentials = Readonly<Partial<Record<AwsName, string>>>;
type Env = Readonly<Record<string, string>>;

/** Name in the training container → name that Kubeflow's initializers read. */
const AWS_NAMES = {
  AWS_ACCESS_KEY_ID: 'ACCESS_KEY_ID',
  AWS_SECRET_ACCESS_KEY: 'SECRET_ACCESS_KEY',
  AWS_SESSION_TOKEN: 'SESSION_TOKEN',
  AWS_REGION: 'REGION',
  AWS_ROLE_ARN: 'ROLE_ARN',
} as const;
/** Whose account it is; a region belongs to none. */
const ACCOUNT_NAMES = [
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_ROLE_ARN',
] as const;

/** Everything that a job's containers find in their environment, and what of it is secret. */
export function buildEnvironment(spec: JobSpec, secretName: string): Environment {
  const { request } = spec;
  const holdsSecret = createSecretTest(request);
  const secrets: Record<string, string> = {};
  const variables = new Map<string, EnvVar>();

  const fromSecret = (name: string, key: string): EnvVar => ({
    name,
    valueFrom: { secretKeyRef: { name: secretName, key } },
  });
  const keep = (name: string, value: string): EnvVar => {
    secrets[name] = value;
    return fromSecret(name, name);
  };
  const plain = (name: string, text: string | undefined, isSecret = holdsSecret(text)) => {
    if (text !== undefined) variables.set(name, isSecret ? keep(name, text) : literal(name, text));
  };
  const secret = (name: string, value: string | undefined) => {
    if (value !== undefined) variables.set(name, keep(name, value));
  };

  const visible = withoutCredentials(request);
  // What holds no secret as a whole, as nearly always, need not be looked through part by part.
  const isClean = !holdsSecret(visible);
  const part = (name: string, value: unknown) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    plain(name, text, !isClean && holdsSecret(value));
  };

  plain('TRAINING_JOB_ID', request.job_id);
  plain('TRAINING_BACKEND', spec.backend);
  plain('TRAINING_REQUEST_JSON', JSON.stringify(visible), !isClean);
  part('TRAINING_BASE_MODEL_JSON', visible.base_model);
  part('TRAINING_RESOURCES_JSON', visible.resources);
  part('TRAINING_CUSTOMIZATION_JSON', visible.customization);
  part('TRAINING_TUNING_PARAMETERS_JSON', visible.tuning_parameters);
  part('TRAINING_DATASETS_JSON', visible.datasets);
  part('TRAINING_LOG_URI', visible.artifacts.log_uri);
  part('TRAINING_OUTPUT_URI', visible.artifacts.output_uri);
  part('TRAINING_STATUS_STREAM_URL', visible.artifacts.status_stream_url);
  for (const [name, value] of Object.entries(spec.env)) {
    // What is JSON is judged by its keys too.
    if (holdsSecret(parseJson(value))) secret(name, value);
    else plain(name, value);
  }

  const env = request.extra_parameters.trainer_env ?? {};
  const own = chooseCredentials(request, env);
  secret('HF_TOKEN', request.base_model.huggingface_token ?? request.base_model.auth_token);
  for (const [name, value] of Object.entries(own)) secret(name, value);
  if (own.AWS_REGION === undefined) plain('AWS_REGION', spec.storage.region);
  plain('AWS_ENDPOINT_URL', spec.storage.endpoint);
  keepFurtherCredentials(spec, own, secret);
  for (const name of missingCredentials(own, env)) {
    const { defaultSecret } = spec.storage;
    if (defaultSecret === undefined || variables.has(name)) continue;
    variables.set(name, fromDefault(name, name, defaultSecret));
  }
  for (const [name, value] of Object.entries(env)) secret(name, value);

  const words = (list: readonly string[] | undefined, kind: string) =>
    list?.map((word, index) => {
      if (!holdsSecret(word)) return escapeDollars(word);
      const name = `TRAINING_${kind}_${index}`;
      secret(name, word);
      return `$(${name})`;
    });
  const command = words(spec.command, 'COMMAND');
  const args = words(spec.args, 'ARG');

  return {
    variables: [...variables.values()],
    dataset: stepEnvironment(variables, 'TRAINING_DATASET_0_'),
    model: stepEnvironment(variables, ''),
    command,
    args,
    secrets,
  };
}

/** Kubernetes expands `$(NAME)` in literal values and reads `$$` as one dollar. */
function escapeDollars(value: string): string {
  return value.replaceAll('$', '$$$$');
}

function literal(name: string, value: string): EnvVar {
  return { name, value: escapeDollars(value) };
}

function fromDefault(name: string, key: string, secretName: string): EnvVar {
  return { name, valueFrom: { secretKeyRef: { name: secretName, key, optional: true } } };
}

/**
 * The artifacts' credentials, else the first dataset's; never a mixture of two accounts, so none of
 * them stand beside an account that the request's own environment names.
 */
function chooseCredentials({ artifacts, datasets }: JobSpec['request'], env: Env): Credentials {
  const [first, second] = [toCredentials(artifacts.auth), toCredentials(datasets[0]?.auth)];
  const own = namesAccount(second) && !namesAccount(first) ? second : first;
  const AWS_REGION = own.AWS_REGION ?? first.AWS_REGION ?? second.AWS_REGION;
  return {
    ...(!namesAccount(env) && own),
    ...(AWS_REGION !== undefined && { AWS_REGION }),
  };
}

function namesAccount(env: Env): boolean {
  return ACCOUNT_NAMES.some((name) => env[name] !== undefined);
}

function toCredentials(auth: StorageAuth | undefined): Credentials {
  const all = {
    AWS_ACCESS_KEY_ID: auth?.aws_access_key_id,
    AWS_SECRET_ACCESS_KEY: auth?.aws_secret_access_key,
    AWS_SESSION_TOKEN: auth?.aws_session_token,
    AWS_REGION: auth?.aws_region,
    AWS_ROLE_ARN: auth?.role_arn,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** What the datasets and the artifacts carry besides the one set that the SDKs find by itself. */
function keepFurtherCredentials(
  { request }: JobSpec,
  own: Credentials,
  secret: (name: string, value: string | undefined) => void,
): void {
  const keepLogin = (prefix: string, auth: StorageAuth | undefined) => {
    secret(`${prefix}_TOKEN`, auth?.token);
    secret(`${prefix}_USERNAME`, auth?.username);
    secret(`${prefix}_PASSWORD`, auth?.password);
  };
  keepLogin('TRAINING_ARTIFACTS', request.artifacts.auth);
  for (const [index, { auth }] of request.datasets.entries()) {
    keepLogin(`TRAINING_DATASET_${index}`, auth);
    const theirs = toCredentials(auth);
    const entries = Object.entries(theirs) as [AwsName, string][];
    if (entries.every(([name, value]) => own[name] === value)) continue;
    for (const [name, value] of entries) secret(`TRAINING_DATASET_${index}_${name}`, value);
  }
}

function missingCredentials(own: Credentials, env: Env): string[] {
  return [
    'HF_TOKEN',
    ...(namesAccount(own) || namesAccount(env)
      ? []
      : ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']),
  ];
}

/**
 * An initializer's environment: references to the same keys, under the names that it reads. What
 * has a variable with `prefix` comes from there, an account as a whole.
 */
function stepEnvironment(variables: ReadonlyMap<string, EnvVar>, prefix: string): EnvVar[] {
  const hasAccount = ACCOUNT_NAMES.some((name) => variables.has(`${prefix}${name}`));
  const preferOwn = (own: string, shared: string) => (variables.has(own) ? own : shared);
  const sources = {
    ACCESS_TOKEN: preferOwn(`${prefix}TOKEN`, 'HF_TOKEN'),
    ...Object.fromEntries(
      ACCOUNT_NAMES.map((name) => [AWS_NAMES[name], hasAccount ? `${prefix}${name}` : name]),
    ),
    REGION: preferOwn(`${prefix}AWS_REGION`, 'AWS_REGION'),
    ENDPOINT: 'AWS_ENDPOINT_URL',
  };
  return Object.entries(sources).flatMap(([read, name]): EnvVar[] => {
    const known = variables.get(name);
    return known === undefined ? [] : [{ ...known, name: read }];
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
