import { redact, replaceTexts } from '../requests/credentials.ts';
import type { KeptRequest } from '../requests/kept-request.ts';
import type { CallbackTarget, JobPayload, JobRecord } from './job.ts';

/** Shorter values would be found in harmless texts. */
const MIN_SECRET_LENGTH = 6;

type Purged = Pick<JobPayload, 'asked' | 'callback' | 'secrets' | 'request'>;

/** What a record says once its credentials are purged. */
export function toPurged({
  webhookAuth,
  delivery,
}: JobRecord): Pick<JobRecord, 'areCredentialsGone' | 'webhookAuth'> {
  const isDue = webhookAuth === 'kept' && delivery.settled !== undefined;
  return { areCredentialsGone: true, webhookAuth: isDue ? 'gone' : webhookAuth };
}

/**
 * What is left of a job's payload when its credentials are due: no secret value, no text of what was
 * asked that repeats one, nothing that the kept request withheld, and no `authHeader` once the callback needs none any more.
 */
export function purgePayload(payload: Purged, isCallbackSettled: boolean): Purged {
  const { asked, callback, secrets, request } = payload;
  return {
    asked: withoutSecrets(asked, secrets) as JobPayload['asked'],
    callback: isCallbackSettled ? callback && withoutAuth(callback) : callback,
    secrets: {},
    ...(request && { request: purgeRequest(request) }),
  };
}

/** A copy that may be shown: without URLs' secrets, texts under names of such, and what repeats one. */
export function withoutSecrets(value: unknown, secrets: JobPayload['secrets']): unknown {
  const values = Object.values(secrets).filter(({ length }) => length >= MIN_SECRET_LENGTH);
  return replaceTexts(redact(value), (text) => values.some((secret) => text.includes(secret)));
}

/** Where nothing was withheld, nothing is missing. */
function purgeRequest({ body, withheld }: KeptRequest): KeptRequest {
  return { body, withheld, ...(withheld.length === 0 && { values: [] }) };
}

function withoutAuth(callback: CallbackTarget): CallbackTarget {
  return { ...callback, authHeader: undefined };
}
