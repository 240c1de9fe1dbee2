import { errors } from 'undici';
import { RefusedAddressError } from './guarded-connector.ts';

/** Why a POST got no answer. */
export interface PostFailure {
  /** One sentence without the URL, credentials or anything that the receiver sent. */
  readonly error: string;
  /** It can never be sent: the address is refused, or the request is not HTTP. */
  readonly isRefused: boolean;
}

const SENTENCES: readonly [codes: RegExp, sentence: string][] = [
  [/^ECONNREFUSED$/, 'The webhook refused the connection.'],
  [
    /^(ECONNRESET|EPIPE|ECONNABORTED|UND_ERR_SOCKET)$/,
    'The webhook closed the connection before it had answered.',
  ],
  [/^(ENOTFOUND|EAI_.+)$/, "The name of the webhook's host does not resolve."],
  [/^(UND_ERR_CONNECT_TIMEOUT|ETIMEDOUT)$/, 'Connecting to the webhook took too long.'],
  [/^(EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)$/, "The webhook's network cannot be reached."],
  [
    /^(HPE_INVALID|UND_ERR_HEADERS_OVERFLOW)$/,
    'The webhook answered with something that is not HTTP.',
  ],
  [/^UND_ERR_(DESTROYED|CLOSED)$/, 'The service is stopping.'],
  [/^UND_ERR_(ABORTED|PRX_TLS|PRX_CONN)$/, 'The proxy opens no connection to the webhook.'],
];
const TLS_CODE =
  /^(ERR_SSL_|ERR_TLS_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|CRL_|EPROTO)|HOSTNAME_/;
const UNSENDABLE_CODE =
  /^(UND_ERR_INVALID_ARG|UND_ERR_NOT_SUPPORTED|ERR_INVALID_CHAR|ERR_INVALID_ARG_.+)$/;

/** Says what went wrong by the code of `error` alone: its message may quote what nobody may read. */
export function toPostFailure(error: unknown): PostFailure {
  if (error instanceof RefusedAddressError) {
    return { error: `The webhook ${error.message}.`, isRefused: true };
  }
  if (isProxyLogin(error)) return { error: 'The proxy wants a login.', isRefused: false };
  const code = toCode(error);
  if (UNSENDABLE_CODE.test(code)) {
    return { error: 'A header or the URL holds what HTTP cannot send.', isRefused: true };
  }
  const sentence =
    SENTENCES.find(([codes]) => codes.test(code))?.[1] ??
    (TLS_CODE.test(code)
      ? `The TLS connection to the webhook failed (${code}).`
      : `The POST to the webhook failed (${code}).`);
  return { error: sentence, isRefused: false };
}

/** Undici gives a 407 the code of a bad argument. */
function isProxyLogin(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Proxy Authentication Required');
}

function toCode(error: unknown): string {
  if (error instanceof errors.HTTPParserError) return 'HPE_INVALID';
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]*$/.test(code) ? code : 'UNKNOWN';
}
