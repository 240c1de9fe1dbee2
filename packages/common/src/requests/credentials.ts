import { type CredentialFields, collectCredentials, dropCredentials } from './credential-fields.ts';
import { isCredentialName, REQUEST_CREDENTIALS } from './credential-names.ts';
import { isCredentialWord } from './credential-words.ts';
import { asRecord } from './is-record.ts';
import { replacePathTokens } from './path-tokens.ts';
import { isTokenLike } from './token-search.ts';
import type { TrainingRequest } from './training-request.ts';

export const REDACTED = '[redacted]';

/** Both take what they scan, found or not, so that no text makes the search quadratic. */
const USER_INFO = /(:\/\/)([^\s/?#"]*@)?/g;
const QUERY = /(:\/\/[^\s?#"]*)(\?[^\s#"]*)?/g;
/** What stands before the credential in the value of an `Authorization` header. */
const SCHEME = /^[A-Za-z]+ +/;
/** Shorter ones would be found in harmless texts. */
const MIN_SECRET_LENGTH = 6;

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

/** What `replaceUrlSecrets` replaces, and the password and the values in it. */
export function findUrlSecrets(text: string): string[] {
  const found: string[] = [];
  for (const { 1: start = '', 2: whole = '', index } of text.matchAll(USER_INFO)) {
    if (start === '' || whole === '' || isName(whole, text, index)) continue;
    const userInfo = whole.slice(0, -1);
    found.push(userInfo, userInfo.slice(userInfo.indexOf(':') + 1));
  }
  for (const [, , query = ''] of text.matchAll(QUERY)) {
    const values = query.split('&').map((pair) => pair.slice(pair.indexOf('=') + 1));
    found.push(query.slice(1), ...values);
  }
  return found.filter((each) => each !== '');
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
  if (Array.isArray(value)) {
    return value.map((item, index) =>
      typeof item === 'string' && isCredentialWord(item, value[index - 1])
        ? REDACTED
        : redact(item),
    );
  }
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const child = (value as Readonly<Record<string, unknown>>)[key];
    copy[key] = typeof child === 'string' && isCredentialName(key) ? REDACTED : redact(child);
  }
  return copy;
}

/** The address of a job's webhook as it may be shown: neither user info, query nor tokens of its path. */
export function showWebhook(url: string, jobId: string): string {
  return String(redact(replacePathTokens(url, jobId, REDACTED)));
}

/** A copy in which the texts that `isSecret` accepts are replaced by a mark. */
export function replaceTexts(value: unknown, isSecret: (text: string) => boolean): unknown {
  if (typeof value === 'string') return isSecret(value) ? REDACTED : value;
  if (Array.isArray(value)) return value.map((item) => replaceTexts(item, isSecret));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key, replaceTexts(child, isSecret)]),
  );
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

/** Whether a text, or anything in a list or an object, may be secret. */
export type SecretTest = (value: unknown) => boolean;

/**
 * Makes a test for "holds something secret": a URL with user info or query, a text under a name
 * that secrets have, or a credential that `request`, as it was sent or normalised, carries elsewhere. Of its environment only
 * the variables that `counts` accepts are such.
 */
export function createSecretTest(
  request: object,
  {
    counts = () => true,
    fields = REQUEST_CREDENTIALS,
    keepsScheme = false,
  }: {
    readonly counts?: (variable: string) => boolean;
    readonly fields?: CredentialFields | undefined;
    /** The value of an `Authorization` header counts as a whole alone. */
    readonly keepsScheme?: boolean;
  } = {},
): SecretTest {
  const known = [
    ...collectCredentials(request, fields)
      .filter(({ mark, variable }) => !mark.isWord && (variable === undefined || counts(variable)))
      .flatMap(({ text, mark }) =>
        mark.hasScheme && !keepsScheme ? [text, ...withoutScheme(text)] : text,
      )
      .filter(({ length }) => length >= MIN_SECRET_LENGTH),
    ...secretWebhooks(request),
  ];
  const isSecretText = (text: string) =>
    replaceUrlSecrets(text, '', '') !== text || known.some((secret) => text.includes(secret));
  const holdsSecret = (value: unknown): boolean => {
    if (typeof value === 'string') return isSecretText(value);
    if (typeof value !== 'object' || value === null) return false;
    if (Array.isArray(value)) {
      return value.some((item, index) =>
        typeof item === 'string'
          ? isSecretText(item) || isCredentialWord(item, value[index - 1])
          : holdsSecret(item),
      );
    }
    return Object.keys(value).some((key) => {
      const child = (value as Readonly<Record<string, unknown>>)[key];
      if (typeof child !== 'string') return holdsSecret(child);
      return (child !== '' && isCredentialName(key)) || isSecretText(child);
    });
  };
  return holdsSecret;
}

/** What follows the scheme, unless it is but a word, which a queue or a bucket may have for a name. */
function withoutScheme(header: string): string[] {
  const rest = header.replace(SCHEME, '');
  return /^[A-Za-z]*$/.test(rest) && !isTokenLike(rest) ? [] : [rest];
}

/**
 * The credentials of a request that are secret whoever named them, without the scheme of a header. A
 * variable that has its own name as its value (`API_KEY: API_KEY`) has none yet.
 */
export function listCredentials(
  request: object,
  fields: CredentialFields | undefined = REQUEST_CREDENTIALS,
): string[] {
  return collectCredentials(request, fields)
    .filter(({ text, mark, variable }) =>
      variable === undefined ? !mark.isWord : isCredentialName(variable) && text !== variable,
    )
    .map(({ text, mark }) => (mark.hasScheme ? text.replace(SCHEME, '') : text));
}

/** The webhook where its path is what keeps others from it. */
export function secretWebhooks(request: object): string[] {
  const { job_id: jobId, callbacks } = request as { job_id?: unknown; callbacks?: unknown };
  const { webhook_url: url } = asRecord(callbacks);
  if (typeof url !== 'string' || typeof jobId !== 'string') return [];
  return replacePathTokens(url, jobId, '') === url ? [] : [url];
}
