import type { Random } from '../backoff.ts';
import type { JobRecord, KeptDelivery, Settlement } from '../jobs/job.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { updateRecord } from '../jobs/update-record.ts';
import type { PostResult } from './http/webhook-client.ts';
import { judgeAttempt, toLeastAttempts, toRetryDelayMs } from './retry-policy.ts';

/** At most this many attempts are kept, and their errors are short, so that they fit 4 KiB. */
const MAX_ATTEMPTS = 20;
const MAX_ERROR_LENGTH = 100;

interface RetryRule {
  /** How long a final event is tried for, counted from when it was observed, or from the last replay. */
  readonly periodMs: number;
  readonly random: Random;
}

/** An attempt that its record does not know of yet. */
export interface UnrecordedAttempt {
  readonly atMs: number;
  readonly result: PostResult;
  /** Those of the record that the event was built from; see KeptDelivery and JobRecord. */
  readonly replayedAtMs: number | undefined;
  readonly callbackRevision: number | undefined;
  /** See Attempt. */
  readonly isUpdate?: true | undefined;
  /** See KeptDelivery; counts when it is the first attempt. */
  readonly repeatAtMs?: number | undefined;
}

/** What a record keeps of its delivery after one more attempt, with what follows from it. Pure. */
export function addAttempt(
  record: JobRecord,
  {
    atMs,
    result,
    isUpdate,
    repeatAtMs: firstRepeatAtMs,
  }: Omit<UnrecordedAttempt, 'replayedAtMs' | 'callbackRevision'>,
  { periodMs, random }: RetryRule,
): KeptDelivery {
  const { delivery, state } = record;
  const { status, error, durationMs, retryAfterMs } = result;
  const attempt = {
    atMs,
    durationMs: Math.round(durationMs),
    status,
    error: error?.slice(0, MAX_ERROR_LENGTH),
    ...(isUpdate && { isUpdate }),
  };
  const attemptCount = delivery.attemptCount + (isUpdate ? 0 : 1);
  const attempts = [...delivery.attempts, attempt].slice(-MAX_ATTEMPTS);
  const repeatAtMs = delivery.attemptCount === 0 ? firstRepeatAtMs : delivery.repeatAtMs;
  const next = { ...delivery, attempts, attemptCount, repeatAtMs };
  const settle = (settled: Settlement): KeptDelivery => {
    return { ...next, settled, nextAttemptAtMs: undefined };
  };
  const verdict = judgeAttempt(status, 'final');
  if (verdict === 'gone') return settle('gone');
  if (verdict === 'delivered') {
    const isRepeatDue = repeatAtMs !== undefined && atMs < repeatAtMs;
    return isRepeatDue ? { ...next, nextAttemptAtMs: repeatAtMs } : settle('delivered');
  }
  const endedAtMs = atMs + durationMs;
  // Not from the end itself, which may have been long ago when it was seen.
  const leftMs = (delivery.replayedAtMs ?? state.observedAtMs) + periodMs - endedAtMs;
  if (leftMs <= 0 && attemptCount >= toLeastAttempts(periodMs)) {
    return settle(isDelivered(next) ? 'delivered' : 'expired');
  }
  // The last attempt is made as the period ends, not hours before.
  const longestMs = leftMs > 0 ? leftMs : undefined;
  const delayMs = toRetryDelayMs(attemptCount, retryAfterMs, random, longestMs);
  return { ...next, nextAttemptAtMs: Math.round(endedAtMs + delayMs) };
}

/** Whether the receiver took the event already and only its repetition failed. */
function isDelivered({ attempts, attemptCount }: KeptDelivery): boolean {
  return attempts
    .slice(-attemptCount)
    .some(({ status }) => judgeAttempt(status, 'final') === 'delivered');
}

/**
 * Writes attempts into the record, on top of whatever else has changed in it meanwhile; undefined
 * when that job is gone. An attempt made before a replay was asked for, or to where callbacks went
 * before, does not settle it.
 */
export function recordAttempts(
  store: JobStore,
  record: JobRecord,
  attempts: readonly UnrecordedAttempt[],
  retry: RetryRule,
): Promise<JobRecord | undefined> {
  return updateRecord(store, record, (current) => {
    let { delivery } = current;
    // Meanwhile somebody took the webhook away.
    if (delivery.settled === 'unwanted') return undefined;
    for (const attempt of attempts) {
      const added = addAttempt({ ...current, delivery }, attempt, retry);
      // Not by the time of the replay, which may come from another machine's clock.
      const isOld =
        attempt.replayedAtMs !== delivery.replayedAtMs ||
        attempt.callbackRevision !== current.callbackRevision;
      delivery = isOld ? { ...added, settled: undefined, nextAttemptAtMs: undefined } : added;
    }
    return { delivery };
  });
}
