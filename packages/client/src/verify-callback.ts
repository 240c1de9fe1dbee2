import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { JobEvent } from './job.ts';

export interface CallbackRequest {
  /** As it came over the wire: parsed and written again it has another signature. */
  readonly body: string | Uint8Array;
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** What to check; at least one of the first two. */
export interface CallbackChecks {
  /** Of `TRAINER_CALLBACK_SIGNING_SECRETS`; several while they are being rotated. */
  readonly secrets?: string | readonly string[];
  /** The `callbacks.auth_header` of the request. */
  readonly authorization?: string;
  /** How old an attempt may be, or how far ahead its clock; 300 s by default. */
  readonly toleranceSeconds?: number;
  /** UNIX milliseconds. */
  readonly now?: () => number;
}

export interface VerifiedCallback {
  /** The `webhook-id`, the same for every attempt at one event. */
  readonly id: string;
  readonly event: JobEvent;
}

export type CallbackErrorCode =
  | 'NO_AUTHORIZATION'
  | 'NO_SIGNATURE'
  | 'TOO_OLD_OR_NEW'
  | 'WRONG_SIGNATURE'
  | 'NO_EVENT';

/** A callback that must not be believed; answer it with 401, or with 400 for NO_EVENT. */
export class CallbackError extends Error {
  override readonly name = 'CallbackError';
  readonly code: CallbackErrorCode;

  constructor(code: CallbackErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Checks that a callback comes from a Trainer API and reads it, by Standard Webhooks 1.0.0.
 * Statuses and fields that are not known yet are let through.
 * @throws CallbackError for a callback that must not be believed, TypeError for unusable checks.
 */
export function verifyCallback(
  { body, headers }: CallbackRequest,
  { secrets, authorization, toleranceSeconds = 300, now = Date.now }: CallbackChecks,
): VerifiedCallback {
  const keys = [secrets ?? []].flat().map(toKey);
  if (keys.length === 0 && !authorization) {
    throw new TypeError('Give the secrets or the authorization that a callback must have.');
  }
  const header = (name: string) => readHeader(headers, name);
  if (authorization && !isSame(header('authorization') ?? '', authorization)) {
    throw new CallbackError('NO_AUTHORIZATION', 'The callback has not the right Authorization.');
  }
  const id = header('webhook-id');
  const timestamp = header('webhook-timestamp');
  if (!id || !timestamp || !/^\d{1,15}$/.test(timestamp)) {
    throw new CallbackError('NO_SIGNATURE', 'The callback lacks webhook-id or webhook-timestamp.');
  }
  if (Math.abs(now() / 1000 - Number(timestamp)) > toleranceSeconds) {
    throw new CallbackError('TOO_OLD_OR_NEW', 'The callback was not sent just now.');
  }
  if (keys.length > 0) {
    const signatures = (header('webhook-signature') ?? '').split(' ');
    const right = keys.map((key) => {
      const hmac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body);
      return `v1,${hmac.digest('base64')}`;
    });
    if (!signatures.some((given) => right.some((signature) => isSame(given, signature)))) {
      throw new CallbackError('WRONG_SIGNATURE', 'The callback is not signed with these secrets.');
    }
  }
  return { id, event: parseEvent(body) };
}

function parseEvent(body: string | Uint8Array): JobEvent {
  try {
    const event = JSON.parse(Buffer.from(body).toString());
    if (typeof event.job_id === 'string' && typeof event.status === 'string') return event;
  } catch {}
  throw new CallbackError('NO_EVENT', 'The body of the callback tells of no job.');
}

function readHeader(headers: CallbackRequest['headers'], name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const key = Object.keys(headers).find((given) => given.toLowerCase() === name);
  return [key === undefined ? undefined : headers[key]].flat()[0];
}

/** In constant time, so that it does not show where they differ. */
function isSame(left: string, right: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}

function toKey(secret: string): Buffer {
  const encoded = secret.replace(/^whsec_/, '');
  const key = Buffer.from(/^[A-Za-z0-9+/]+={0,2}$/.test(encoded) ? encoded : '', 'base64');
  if (key.length === 0) throw new TypeError('A signing secret is not base64.');
  return key;
}
