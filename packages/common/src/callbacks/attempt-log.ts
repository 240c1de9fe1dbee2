import type { DeliveryLog, JobRecord } from '../jobs/job.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { updateRecord } from '../jobs/update-record.ts';
import type { PostResult } from './http/webhook-client.ts';
import { judgeAttempt, type Random, toLeastAttempts, toRetryDelayMs } from './retry-policy.ts';

/** At most this many attempts are kept, and their errors are short, so that a log fits 4 KiB. */
const MAX_ATTEMPTS = 20;
const MAX_ERROR_LENGTH = 100;

interface RetryRule {
  /** How long an end is tried for, counted from when it was observed, or from the last replay. */
  readonly periodMs: number;
  readonly random: Random;
}

export interface UnnotedAttempt {
  readonly atMs: number;
  readonly result: PostResult;
  /** The replay that the record which was told of had seen; see DeliveryLog. */
  readonly replayedAtMs: number | undefined;
}

/** A record's log after one more attempt, with what follows from it. Pure. */
export function addAttempt(
  record: JobRecord,
  { atMs, result }: Omit<UnnotedAttempt, 'replayedAtMs'>,
  { periodMs, random }: RetryRule,
): DeliveryLog {
  const { delivery: log, state } = record;
  const { status, error, durationMs, retryAfterMs } = result;
  const attempt = {
    atMs,
    durationMs: Math.round(durationMs),
    status,
    error: error?.slice(0, MAX_ERROR_LENGTH),
  };
  const attemptCount = log.attemptCount + 1;
  const attempts = [...log.attempts, attempt].slice(-MAX_ATTEMPTS);
  const verdict = judgeAttempt(status, true);
  if (verdict === 'delivered' || verdict === 'gone') {
    return { ...log, attempts, attemptCount, settled: verdict, nextAttemptAtMs: undefined };
  }
  const endedAtMs = atMs + durationMs;
  // Not from the end itself, which may have been long ago when it was seen.
  const leftMs = (log.replayedAtMs ?? state.observedAtMs) + periodMs - endedAtMs;
  if (leftMs <= 0 && attemptCount >= toLeastAttempts(periodMs)) {
    return { ...log, attempts, attemptCount, settled: 'expired', nextAttemptAtMs: undefined };
  }
  // The last attempt is made as the period ends, not hours before.
  const longestMs = leftMs > 0 ? leftMs : undefined;
  const delayMs = toRetryDelayMs(attemptCount, retryAfterMs, random, longestMs);
  return { ...log, attempts, attemptCount, nextAttemptAtMs: Math.round(endedAtMs + delayMs) };
}

/**
 * Writes attempts into the record, on top of whatever else has changed in it meanwhile; undefined
 * when that job is gone. An attempt made before a replay was asked for does not settle it.
 */
export function noteAttempts(
  store: JobStore,
  record: JobRecord,
  attempts: readonly UnnotedAttempt[],
  retry: RetryRule,
): Promise<JobRecord | undefined> {
  return updateRecord(store, record, (current) => {
    let { delivery } = current;
    for (const attempt of attempts) {
      const added = addAttempt({ ...current, delivery }, attempt, retry);
      // Not by the time of the replay, which may come from another machine's clock.
      const isOld = attempt.replayedAtMs !== delivery.replayedAtMs;
      delivery = isOld ? { ...added, settled: undefined, nextAttemptAtMs: undefined } : added;
    }
    return { delivery };
  });
}
