import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

/** One attempt at one event. */
export interface WebhookMessage {
  /** The same in every attempt of one event; without a dot, which separates what is signed. */
  readonly id: string;
  /** When this attempt is made, in UNIX milliseconds. */
  readonly atMs: number;
  /** The very text that is sent. */
  readonly body: string;
}

/** Gives the `webhook-…` headers of a message. */
export type Signer = (message: WebhookMessage) => Record<string, string>;

/**
 * Creates a signer by Standard Webhooks 1.0.0 (symmetric, `v1`): `webhook-id` and
 * `webhook-timestamp` always, `webhook-signature` with one signature for each secret, so that
 * secrets can be rotated. Secrets are base64, with or without `whsec_`; without any, nothing is
 * signed.
 * @throws TypeError, which does not repeat the secret, when one is not base64.
 */
export function createSigner(secrets: readonly string[]): Signer {
  const keys = secrets.map(toKey);
  return ({ id, atMs, body }) => {
    const timestamp = String(Math.floor(atMs / 1000));
    const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp };
    if (keys.length === 0) return headers;
    const signed = `${id}.${timestamp}.${body}`;
    const signatures = keys.map((key) => `v1,${sign(key, signed)}`);
    return { ...headers, 'webhook-signature': signatures.join(' ') };
  };
}

function sign(key: KeyObject, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64');
}

function toKey(secret: string): KeyObject {
  const encoded = secret.replace(/^whsec_/, '');
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(encoded);
  const bytes = Buffer.from(isBase64 ? encoded : '', 'base64');
  if (bytes.length === 0) throw new TypeError('A signing secret is not base64.');
  return createSecretKey(bytes);
}
