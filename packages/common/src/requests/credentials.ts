import { LRUCache } from 'lru-cache';
import type { StorageAuth, TrainingRequest } from './training-request.ts';

export const REDACTED = '[redacted]';

const FIELDS = new Set([
  'auth_token',
  'huggingface_token',
  'auth_header',
  'token',
  'username',
  'password',
  'aws_access_key_id',
  'aws_secret_access_key',
  'aws_session_token',
]);
/** Names that people give to secrets in the parts of a request whose keys are not ours. */
const FREE_NAME =
  /(^|[-_.])(secret|password|passwd|credentials?|authorization|api[-_]?key|(access|private|secret)[-_]?key|(?<!(pad|eos|bos|unk|sep|cls|mask|special|max)[-_])token)$/i;
/** Both take what they scan, found or not, so that no text makes the search quadratic. */
const USER_INFO = /(:\/\/)([^\s/?#"]*@)?/g;
const QUERY = /(:\/\/[^\s?#"]*)(\?[^\s#"]*)?/g;
/** Of what is remembered or looked at. */
const MAX_NAME_LENGTH = 64;
/** Shorter ones would be found in harmless texts. */
const MIN_SECRET_LENGTH = 6;

/** Asked of every text of every request, and the names are few. */
const knownNames = new LRUCache<string, boolean>({ max: 2000, memoMethod: judgeName });

export function isCredentialName(key: string): boolean {
  return key.length > MAX_NAME_LENGTH ? judgeName(key) : knownNames.memo(key);
}

function judgeName(key: string): boolean {
  // The end of a name decides; `hubToken` is read as `hub_Token`.
  const name = key.slice(-MAX_NAME_LENGTH).replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2');
  return FIELDS.has(key) || FREE_NAME.test(name);
}

/** Replaces user info and query of every URL inside `text`. */
export function replaceUrlSecrets(text: string, userInfo: string, query: string): string {
  if (!text.includes('://') || !/[@?]/.test(text)) return text;
  return text
    .replace(USER_INFO, (_, start, found) => (found === undefined ? start : start + userInfo))
    .replace(QUERY, (_, start, found) => (found === undefined ? start : start + query));
}

/** A deep copy in which credentials are replaced by a mark; safe to show. */
export function redact(value: unknown): unknown {
  if (typeof value === 'string') {
    return replaceUrlSecrets(value, `${REDACTED}@`, `?${REDACTED}`);
  }
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const [key, child] of Object.entries(value)) {
    copy[key] = typeof child === 'string' && isCredentialName(key) ? REDACTED : redact(child);
  }
  return copy;
}

/** The request without the credentials that have fields of their own, and without its callback. */
export function withoutCredentials(request: TrainingRequest) {
  const {
    callbacks: _callbacks,
    base_model,
    artifacts,
    datasets,
    extra_parameters,
    ...rest
  } = request;
  const { auth_token: _auth, huggingface_token: _token, ...model } = base_model;
  const { trainer_env, ...extra } = extra_parameters;
  return {
    ...rest,
    base_model: model,
    artifacts: withoutAuth(artifacts),
    datasets: datasets.map(withoutAuth),
    extra_parameters: trainer_env
      ? { ...extra, trainer_env_names: Object.keys(trainer_env) }
      : extra,
  };
}

function withoutAuth<T extends { auth?: StorageAuth | undefined }>({ auth, ...rest }: T) {
  const { role_arn, aws_region } = auth ?? {};
  if (role_arn === undefined && aws_region === undefined) return rest;
  return { ...rest, auth: { role_arn, aws_region } };
}

/**
 * Makes a test for "holds something secret": a URL with user info or query, a text under a name
 * that secrets have, or a credential that the request carries elsewhere. Of its environment only
 * `env` counts as such.
 */
export function createSecretTest(
  request: TrainingRequest,
  env = request.extra_parameters.trainer_env ?? {},
): (value: unknown) => boolean {
  const known = credentialTexts(request, env);
  const isSecretText = (text: string) =>
    replaceUrlSecrets(text, '', '') !== text || known.some((secret) => text.includes(secret));
  const holdsSecret = (value: unknown): boolean => {
    if (typeof value === 'string') return isSecretText(value);
    if (typeof value !== 'object' || value === null) return false;
    if (Array.isArray(value)) return value.some(holdsSecret);
    return Object.entries(value).some(
      ([key, child]) =>
        (typeof child === 'string' && child !== '' && isCredentialName(key)) || holdsSecret(child),
    );
  };
  return holdsSecret;
}

function credentialTexts(
  request: TrainingRequest,
  env: Readonly<Record<string, string>>,
): string[] {
  const { base_model, artifacts, datasets, callbacks } = request;
  const auths = [artifacts.auth, ...datasets.map(({ auth }) => auth)].map(
    // A user name is often a plain word, which would be found everywhere.
    (auth) => auth && { ...auth, username: undefined, role_arn: undefined, aws_region: undefined },
  );
  return [
    base_model.auth_token,
    base_model.huggingface_token,
    callbacks?.auth_header,
    ...auths.flatMap((auth) => Object.values(auth ?? {})),
    ...Object.values(env),
  ].filter((text): text is string => text !== undefined && text.length >= MIN_SECRET_LENGTH);
}
