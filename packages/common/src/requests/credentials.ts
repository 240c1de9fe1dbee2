import { LRUCache } from 'lru-cache';
import {
  type CredentialFields,
  collectCredentials,
  dropCredentials,
  findCredentialFields,
  namesOf,
} from './credential-fields.ts';
import { readShape } from './schema-shape.ts';
import { type TrainingRequest, TrainingRequestSchema } from './training-request.ts';

export const REDACTED = '[redacted]';

/** The credentials that a request of the shared schema may carry. */
export const REQUEST_CREDENTIALS = findCredentialFields(readShape(TrainingRequestSchema));

const FIELDS = new Set(namesOf(REQUEST_CREDENTIALS));
/** Names that people give to secrets in the parts of a request whose keys are not ours. */
const FREE_NAME =
  /(^|[-_.])(secret|password|passwd|credentials?|authorization|api[-_]?key|(access|private|secret)[-_]?key|(?<!(pad|eos|bos|unk|sep|cls|mask|special|max|image|img|video|audio)[-_])token)$/i;
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

/**
 * Replaces user info and query of every URL inside `text`. A user without a password stays, outside
 * http and https: it names a container (`abfss://raw@account`), a namespace or a login.
 */
export function replaceUrlSecrets(text: string, userInfo: string, query: string): string {
  if (!text.includes('://') || !/[@?]/.test(text)) return text;
  return text
    .replace(USER_INFO, (whole, start, found: string | undefined, offset: number) =>
      found === undefined || isName(found, text, offset) ? whole : start + userInfo,
    )
    .replace(QUERY, (_, start, found) => (found === undefined ? start : start + query));
}

/** Whether the user info of the URL whose `://` stands at `offset` is but a name. */
export function isName(userInfo: string, text: string, offset: number): boolean {
  return !userInfo.includes(':') && !/https?$/i.test(text.slice(Math.max(0, offset - 5), offset));
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

/** What may be shown of a request: its credentials are left out, and its callback. */
export type VisibleRequest = Omit<TrainingRequest, 'callbacks'>;

/** The request without what `fields` names, and without its callback. */
export function withoutCredentials(
  request: TrainingRequest,
  fields: CredentialFields | undefined = REQUEST_CREDENTIALS,
): VisibleRequest {
  const { callbacks: _callbacks, ...rest } = request;
  return dropCredentials(rest, fields) as VisibleRequest;
}

/**
 * Makes a test for "holds something secret": a URL with user info or query, a text under a name
 * that secrets have, or a credential that the request carries elsewhere. Of its environment only
 * the variables that `counts` accepts are such.
 */
export function createSecretTest(
  request: TrainingRequest,
  {
    counts = () => true,
    fields = REQUEST_CREDENTIALS,
  }: {
    readonly counts?: (variable: string) => boolean;
    readonly fields?: CredentialFields | undefined;
  } = {},
): (value: unknown) => boolean {
  const known = collectCredentials(request, fields)
    .filter(({ mark, variable }) => !mark.isWord && (variable === undefined || counts(variable)))
    .map(({ text }) => text)
    .filter(({ length }) => length >= MIN_SECRET_LENGTH);
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
