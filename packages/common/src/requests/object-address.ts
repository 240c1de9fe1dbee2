import { hash } from 'node:crypto';
import { isCredentialName } from './credential-names.ts';
import { isName } from './credentials.ts';
import { isTokenLike } from './token-search.ts';

/** In these the user names a container, a namespace or an account, also beside a password. */
const NAMING_SCHEME = /(^|[^a-z0-9+.-])(abfss?|wasbs?|oci|hdfs|ssh|sftp)$/i;
const URL_PARTS = /:\/\/([^\s/?#"]*@)?([^\s?#"]*)(\?[^\s#"]*)?/g;
/** They sign or expire; what they are part of stays the same. */
const SIGNATURE =
  /^(x-amz-.*|x-goog-.*|signature|policy|key-pair-id|expires|token|sig|awsaccesskeyid|googleaccessid)$/i;
/** Of these, what nobody could make up. */
const ADMITTING = /(^|-)(sig|signature)$/i;
/** Parts of a shared access signature, and plain words where there is none. */
const BESIDE_SIG = /^(sv|sp|sr|st|se|spr|sip|skoid|sktid|skt|ske|sks|skv)$/i;

/** Whether `text` may hold a URL with user info or a query. */
export function mayHoldSecret(text: string): boolean {
  return text.includes('://') && /[@?]/.test(text);
}

/**
 * Each URL inside `text` by what identifies its object, without credentials: a user that is a name,
 * and the query without its signature, as a digest of `salt` and itself since it may be secret.
 */
export function toObjectAddresses(text: string, salt: string): string {
  if (!mayHoldSecret(text)) return text;
  return text.replace(
    URL_PARTS,
    (_, userInfo: string | undefined, place: string, query: string | undefined, offset: number) =>
      `://${toUser(userInfo, text, offset)}${place}${toQuery(query, salt)}`,
  );
}

/** Whether a URL inside `text` admits whoever has it: by a password, a token as its user, or a signature. */
export function isAdmittingUrl(text: string): boolean {
  if (!mayHoldSecret(text)) return false;
  return [...text.matchAll(URL_PARTS)].some(({ 1: userInfo = '', 3: query = '' }) => {
    const [user = '', password = ''] = userInfo.replace(/@$/, '').split(':', 2);
    if (password !== '' || isTokenLike(user)) return true;
    const parameters = query.slice(1).split('&');
    return parameters.some((parameter) => {
      const name = nameOf(parameter);
      return /=./.test(parameter) && (ADMITTING.test(name) || isCredentialName(name));
    });
  });
}

/** A text that shows whether two values are equal, but not what they are. */
export function toSaltedDigest(value: string, salt: string): string {
  return hash('sha256', `${salt}\0${value}`, 'base64url');
}

function toUser(userInfo: string | undefined, text: string, offset: number): string {
  if (userInfo === undefined) return '';
  if (isName(userInfo, text, offset)) return userInfo;
  const isNaming = NAMING_SCHEME.test(text.slice(Math.max(0, offset - 8), offset));
  return isNaming ? `${userInfo.split(':', 1)[0]}@` : '';
}

function toQuery(query: string | undefined, salt: string): string {
  const parameters = (query ?? '').slice(1).split('&').filter(Boolean);
  const names = parameters.map(nameOf);
  const isShared = names.some((name) => name.toLowerCase() === 'sig');
  const kept = parameters.filter((_, index) => {
    const name = names[index] ?? '';
    return !(SIGNATURE.test(name) || isCredentialName(name) || (isShared && BESIDE_SIG.test(name)));
  });
  return kept.length === 0 ? '' : `?${toSaltedDigest(kept.sort().join('&'), salt)}`;
}

function nameOf(parameter: string): string {
  const [name = ''] = parameter.split('=', 1);
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
