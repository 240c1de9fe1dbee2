import type { JobRecord } from '../../jobs/job.ts';
import { toIsoTime } from '../../jobs/job-summary.ts';
import type { DeliveriesResponse } from '../../requests/deliveries.ts';

/** How the final callback of a job fares, as clients read it. */
export function toDeliveriesResponse({ id, delivery, hasWebhook }: JobRecord): DeliveriesResponse {
  const { settled, attempts, attemptCount, nextAttemptAtMs, replayedAtMs } = delivery;
  return {
    job_id: id,
    outcome: !hasWebhook || settled === 'unwanted' ? 'none' : (settled ?? 'pending'),
    attempt_count: attemptCount,
    next_attempt_at: toIsoTime(nextAttemptAtMs),
    replayed_at: toIsoTime(replayedAtMs),
    attempts: attempts.map(({ atMs, status, durationMs, error, isUpdate }) => ({
      at: toIsoTime(atMs),
      event: isUpdate ? 'update' : 'final',
      status: status ?? null,
      duration_ms: durationMs,
      error: error ?? null,
    })),
  };
}
