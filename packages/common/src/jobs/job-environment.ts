import { errors } from '../errors.ts';
import { fitsJson } from '../json-bytes.ts';
import { isCredentialWord } from '../requests/credential-words.ts';
import type { VisibleRequest } from '../requests/credentials.ts';
import type { StorageAuth, TrainingRequest } from '../requests/training-request.ts';
import { toWordVariable, type WordKind } from './word-variables.ts';

/** A variable of the training's environment: its value, or the key of a secret value. */
export type Variable =
  | { readonly name: string; readonly value: string }
  | { readonly name: string; readonly secretKey: string };

/** A word of a command line: a text, or the value of a variable, which holds a credential. */
export type Word = string | { readonly variable: string };

/** Secret values of one job, by key. */
export type Secrets = Readonly<Record<string, string>>;

export interface JobEnvironment {
  readonly variables: readonly Variable[];
  readonly command: readonly Word[] | undefined;
  readonly args: readonly Word[] | undefined;
  /** Names of credentials that the request does not bring; a platform may have its own. */
  readonly absentCredentials: readonly string[];
  /** All that must be readable nowhere else. */
  readonly secrets: Secrets;
}

/** What a job's environment holds besides its request. */
export interface EnvironmentParts {
  readonly backend: string;
  readonly env: Readonly<Record<string, string>>;
  readonly command: readonly string[] | undefined;
  readonly args: readonly string[] | undefined;
  readonly storage: {
    readonly endpoint: string | undefined;
    readonly region: string | undefined;
  };
}

/** The variable in which every training finds its whole request, with defaults and without credentials. */
export const REQUEST_VARIABLE = 'TRAINING_REQUEST_JSON';

/** Names the variables of `trainer_env` whose values are in Secrets of the operator's; absent without any. */
const SECRET_NAMES_VARIABLE = 'TRAINING_SECRET_NAMES';

/** The normalised request travels in one variable, and Linux caps one at 128 KiB. */
export const MAX_REQUEST_BYTES = 96 * 1024;

const AWS_NAMES = [
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_REGION',
  'AWS_ROLE_ARN',
] as const;
/** Whose account it is; a region belongs to none. */
export const ACCOUNT_NAMES = [
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_ROLE_ARN',
] as const;

type AwsName = (typeof AWS_NAMES)[number];
type Credentials = Readonly<Partial<Record<AwsName, string>>>;
type Env = Readonly<Record<string, unknown>>;

/**
 * Everything that a training finds in its environment, and what of it is secret; `visible` and
 * `holdsSecret` are those of the request.
 * @throws TrainerError PAYLOAD_TOO_LARGE when the normalised request exceeds 96 KiB.
 */
export function buildJobEnvironment(
  request: TrainingRequest,
  visible: VisibleRequest,
  holdsSecret: (value: unknown) => boolean,
  parts: EnvironmentParts,
): JobEnvironment {
  assertFits(request);
  const secrets: Record<string, string> = {};
  const variables = new Map<string, Variable>();

  const secret = (name: string, value: string | undefined) => {
    if (value === undefined) return;
    secrets[name] = value;
    variables.set(name, { name, secretKey: name });
  };
  const plain = (name: string, value: string | undefined, isSecret = holdsSecret(value)) => {
    if (isSecret) secret(name, value);
    else if (value !== undefined) variables.set(name, { name, value });
  };

  // What holds no secret as a whole, as nearly always, need not be looked through part by part.
  const isClean = !holdsSecret(visible);
  // The whole is put together from its sections, each of which is needed as a text too.
  const texts = toTexts(visible);
  const section = (name: string, key: keyof typeof visible) =>
    plain(name, texts[key], !isClean && holdsSecret(visible[key]));
  const address = (name: string, value: string | undefined) =>
    plain(name, value, !isClean && holdsSecret(value));

  plain('TRAINING_JOB_ID', request.job_id);
  plain('TRAINING_BACKEND', parts.backend);
  plain(REQUEST_VARIABLE, joinMembers(texts), !isClean);
  section('TRAINING_BASE_MODEL_JSON', 'base_model');
  section('TRAINING_RESOURCES_JSON', 'resources');
  section('TRAINING_CUSTOMIZATION_JSON', 'customization');
  section('TRAINING_TUNING_PARAMETERS_JSON', 'tuning_parameters');
  section('TRAINING_DATASETS_JSON', 'datasets');
  address('TRAINING_LOG_URI', visible.artifacts.log_uri);
  address('TRAINING_OUTPUT_URI', visible.artifacts.output_uri);
  address('TRAINING_STATUS_STREAM_URL', visible.artifacts.status_stream_url);
  for (const [name, value] of Object.entries(parts.env)) {
    // What is JSON is judged by its keys too.
    if (holdsSecret(parseJson(value))) secret(name, value);
    else plain(name, value);
  }

  const env = request.extra_parameters.trainer_env ?? {};
  const own = chooseCredentials(request, env);
  secret('HF_TOKEN', request.base_model.huggingface_token ?? request.base_model.auth_token);
  for (const [name, value] of Object.entries(own)) secret(name, value);
  if (own.AWS_REGION === undefined) plain('AWS_REGION', parts.storage.region);
  plain('AWS_ENDPOINT_URL', parts.storage.endpoint);
  keepFurtherCredentials(request, own, secret);
  for (const [name, value] of Object.entries(env)) {
    // The platform looks up what is in one of its own Secrets.
    if (typeof value === 'string') secret(name, value);
    else {
      variables.delete(name);
      delete secrets[name];
    }
  }

  const toWords = (list: readonly string[] | undefined, kind: WordKind) =>
    list?.map((word, index): Word => {
      if (!holdsSecret(word) && !isCredentialWord(word, list[index - 1])) return word;
      const variable = toWordVariable(kind, index);
      secret(variable, word);
      return { variable };
    });
  const command = toWords(parts.command, 'COMMAND');
  const args = toWords(parts.args, 'ARG');
  const references = Object.keys(env).filter((name) => typeof env[name] !== 'string');
  if (references.length > 0) plain(SECRET_NAMES_VARIABLE, references.join(','), false);
  return {
    variables: [...variables.values()],
    command,
    args,
    absentCredentials: findAbsentCredentials(own, env).filter(
      (name) => !variables.has(name) && env[name] === undefined,
    ),
    secrets,
  };
}

/** The JSON of each member that has one. */
function toTexts<T extends object>(value: T): { readonly [K in keyof T]?: string } {
  const texts: { [K in keyof T]?: string } = {};
  for (const key of Object.keys(value) as (keyof T)[]) {
    if (value[key] !== undefined) texts[key] = JSON.stringify(value[key]);
  }
  return texts;
}

/** The JSON of an object whose members are JSON already. */
function joinMembers(texts: Readonly<Record<string, string | undefined>>): string {
  return `{${Object.entries(texts).map(([key, text]) => `${JSON.stringify(key)}:${text}`)}}`;
}

function assertFits(request: TrainingRequest): void {
  if (fitsJson(request, MAX_REQUEST_BYTES)) return;
  throw errors.requestTooLarge(MAX_REQUEST_BYTES / 1024);
}

/**
 * The artifacts' credentials, else the first dataset's; never a mixture of two accounts, so none of
 * them stand beside an account that the request's own environment names.
 */
function chooseCredentials({ artifacts, datasets }: TrainingRequest, env: Env): Credentials {
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
  if (auth === undefined) return {};
  const all = {
    AWS_ACCESS_KEY_ID: auth.aws_access_key_id,
    AWS_SECRET_ACCESS_KEY: auth.aws_secret_access_key,
    AWS_SESSION_TOKEN: auth.aws_session_token,
    AWS_REGION: auth.aws_region,
    AWS_ROLE_ARN: auth.role_arn,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** What the datasets and the artifacts carry besides the one set that the SDKs find on their own. */
function keepFurtherCredentials(
  request: TrainingRequest,
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

function findAbsentCredentials(own: Credentials, env: Env): string[] {
  return [
    'HF_TOKEN',
    ...(namesAccount(own) || namesAccount(env)
      ? []
      : ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']),
  ];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
