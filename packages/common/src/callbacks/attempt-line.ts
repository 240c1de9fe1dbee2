import type { Logger } from 'pino';
import type { JobRecord } from '../jobs/job.ts';
import { toLogged } from '../jobs/operator-lines.ts';
import type { EventKind } from './event.ts';
import type { PostResult } from './http/webhook-client.ts';
import { judgeAttempt } from './retry-policy.ts';

/**
 * Writes a line for one POST: of the final event always, of an update where it is the first failure in
 * a row or a 410, and else for who debugs, since a service makes many thousands of those an hour.
 */
export function logAttempt(
  logger: Logger,
  record: JobRecord,
  kind: EventKind,
  origin: string,
  { status, error, durationMs, isRefused }: PostResult,
  isRepeated = false,
): void {
  const verdict = judgeAttempt(status, kind);
  const isSent = verdict === 'delivered';
  const line = {
    ...toLogged(record),
    ...{ event: kind, job_status: record.state.status, origin, status, error },
    ...{ duration_ms: Math.round(durationMs), ...(isRefused && { refused: true }) },
  };
  const isWorthIt = kind === 'final' || (!isSent && (verdict === 'gone' || !isRepeated));
  logger[isWorthIt ? 'info' : 'debug'](line, isSent ? 'callback sent' : 'callback failed');
}
