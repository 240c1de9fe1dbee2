import type { DeliveryLog, JobRecord } from '../job.ts';
import { changeRecord } from '../stores/change-record.ts';
import type { JobStore } from '../stores/job-store.ts';
import { judgeAttempt, type Random, toRetryDelayMs } from './schedule.ts';
import type { PostResult } from './webhook-sender.ts';

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
}

/** A record's log after one more attempt, with what follows from it. Pure. */
export function addAttempt(
  record: JobRecord,
  { atMs, result }: UnnotedAttempt,
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
  // Not from the end itself, which may have been long ago when it was seen.
  const startedAtMs = log.replayedAtMs ?? state.observedAtMs;
  const delayMs = toRetryDelayMs(attemptCount, retryAfterMs, random);
  const nextAttemptAtMs = Math.round(atMs + durationMs + delayMs);
  if (nextAttemptAtMs > startedAtMs + periodMs) {
    return { ...log, attempts, attemptCount, settled: 'expired', nextAttemptAtMs: undefined };
  }
  return { ...log, attempts, attemptCount, nextAttemptAtMs };
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
  return changeRecord(store, record, (current) => {
    const { replayedAtMs } = current.delivery;
    let { delivery } = current;
    for (const attempt of attempts) {
      const added = addAttempt({ ...current, delivery }, attempt, retry);
      const isOld = replayedAtMs !== undefined && attempt.atMs < replayedAtMs;
      delivery = isOld ? { ...added, settled: undefined, nextAttemptAtMs: undefined } : added;
    }
    return { delivery };
  });
}
