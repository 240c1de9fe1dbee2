import type { Logger } from 'pino';
import { errors } from '../errors.ts';
import { ApiError } from './api-client.ts';
import { isOutage } from './outage.ts';

/** Answers that say nothing about the object: the cluster is down, busy, or not set up for us. */
const NOT_OUR_CALL = new Set([401, 403, 404, 408, 429]);

/**
 * What callers of our own API get for a call that did not succeed: CLUSTER_UNAVAILABLE, in
 * words that name nothing of the cluster. The API server's own words, such as the missing verb of an
 * RBAC refusal, are in the log then. Anything else comes back as it is.
 */
export function toClusterFailure(error: unknown, logger: Logger): unknown {
  if (!(error instanceof ApiError)) return error;
  const { status, serverMessage, retryAfterSeconds } = error;
  if (status !== undefined && status < 500 && !NOT_OUR_CALL.has(status)) return error;
  // An outage is logged once for all calls.
  if (!isOutage(error)) {
    const { message: failure } = error;
    logger.error({ failure, server_message: serverMessage }, 'Kubernetes API call failed');
  }
  const isRefused = status === 401 || status === 403;
  const options = { retryAfterSeconds, cause: error };
  return isRefused ? errors.clusterRefusesUs(options) : errors.clusterUnreachable(options);
}
