import type { ApiError } from './api-client.ts';

/** A webhook of somebody else is away, and the API server itself is well. */
const OF_A_WEBHOOK = /failed calling (conversion )?webhook|conversion webhook .* failed/;

/**
 * Whether a failed call says nothing about its object, but that the API server is away, busy, does
 * not know us any more, or that somebody in between answered in its place.
 */
export function isOutage({ status, reason, serverMessage = '' }: ApiError): boolean {
  if (status === undefined || status === 401 || status === 429) return true;
  if (status >= 500) return !OF_A_WEBHOOK.test(serverMessage);
  return reason === undefined && (status === 403 || status === 404);
}

/** Whether the next call will hardly do better: nothing came back, or a failure of the server. */
export function isServerDown(error: ApiError): boolean {
  return isOutage(error) && (error.status === undefined || error.status >= 500);
}
