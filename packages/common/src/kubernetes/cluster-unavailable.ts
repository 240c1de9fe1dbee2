import type { Logger } from 'pino';
import { TrainerError } from '../errors.ts';
import { ApiError } from './api-client.ts';
import { toMissingPermission } from './start-refusal.ts';

const RETRY_AFTER_SECONDS = 5;
const MAX_RETRY_AFTER_SECONDS = 60;

/**
 * What a caller is told when the cluster did not do what any cluster would: nothing of it. A
 * permission that our own account lacks is logged here, since only an administrator can mend that.
 */
export function toClusterUnavailable(error: unknown, logger: Logger): TrainerError {
  if (error instanceof TrainerError) return error;
  if (!(error instanceof ApiError)) throw error;
  const missing = error.status === 403 ? toMissingPermission(error.serverMessage) : undefined;
  if (missing !== undefined) {
    logger.error({ missing_permission: missing }, `the service account lacks: ${missing}`);
  }
  const asked = error.retryAfterSeconds ?? 0;
  return new TrainerError(
    'CLUSTER_UNAVAILABLE',
    'The cluster cannot be used right now; try again.',
    {
      retryAfterSeconds: Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(RETRY_AFTER_SECONDS, asked)),
      cause: error,
    },
  );
}
