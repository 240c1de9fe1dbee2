import { createHash, createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** What an `Authorization` header of AWS Signature Version 4 says. */
export interface Signature {
  readonly accessKey: string;
  /** Day, region, service and `aws4_request`. */
  readonly scope: string;
  /** Names of headers, in lower case and sorted. */
  readonly signed: readonly string[];
  readonly signature: string;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const SHAPE =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), *SignedHeaders=([^,]+), *Signature=(\w+)$/;

interface Signed {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

export function readSignature({ headers }: Signed): Signature | undefined {
  const [, accessKey = '', scope = '', signed = '', signature = ''] =
    headers.authorization?.match(SHAPE) ?? [];
  return signature === '' ? undefined : { accessKey, scope, signed: signed.split(';'), signature };
}

/** The signature that `request` has when it is signed with `secret` over these headers of it. */
export function sign(
  { method = '', url = '', headers }: Signed,
  { scope, signed }: Pick<Signature, 'scope' | 'signed'>,
  secret: string,
): string {
  const [path = '', query = ''] = url.split('?');
  const canonical = [
    method,
    path,
    toCanonicalQuery(query),
    ...signed.map((name) => `${name}:${String(headers[name] ?? '').trim()}`),
    '',
    signed.join(';'),
    headers['x-amz-content-sha256'],
  ].join('\n');
  const hash = createHash('sha256').update(canonical).digest('hex');
  const text = [ALGORITHM, headers['x-amz-date'], scope, hash].join('\n');
  const key = scope
    .split('/')
    .reduce<string | Buffer>((above, part) => hmac(above, part), `AWS4${secret}`);
  return hmac(key, text).toString('hex');
}

export function toAuthorization({ accessKey, scope, signed, signature }: Signature): string {
  return `${ALGORITHM} Credential=${accessKey}/${scope}, SignedHeaders=${signed.join(';')}, Signature=${signature}`;
}

function toCanonicalQuery(query: string): string {
  const pairs = query.split('&').filter((pair) => pair !== '');
  return pairs
    .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
    .sort()
    .join('&');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
