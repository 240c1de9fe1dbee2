import { type Backoff, type Random, toBackoffMs } from '../backoff.ts';
import type { EventKind } from './event.ts';

/** The greatest factor of jitter. */
const LONGEST = 1.25;
const LEAST_ATTEMPTS = 10;
const RETRY: Backoff = { firstMs: 1000, longestMs: 4 * 3600_000, jitter: [0.75, LONGEST] };
/** A receiver may ask for patience, not for silence until after the retries have ended. */
const LONGEST_RETRY_AFTER_MS = 6 * 3600_000;

/**
 * How long to wait after the `count`-th failure in a row (from 1): doubling from about a second to
 * four hours, with a quarter of jitter either way, `longestMs` at most, and never shorter than the
 * receiver asked for.
 */
export function toRetryDelayMs(
  count: number,
  retryAfterMs: number | undefined,
  random: Random,
  longestMs = Number.POSITIVE_INFINITY,
): number {
  const askedMs = Math.min(LONGEST_RETRY_AFTER_MS, retryAfterMs ?? 0);
  return Math.max(Math.min(longestMs, toBackoffMs(count, RETRY, random)), askedMs);
}

/**
 * How many failures in a row it takes to give up after a period: as many as it holds with the
 * longest delays, ten at most. Time without an attempt says nothing about a receiver.
 */
export function toLeastAttempts(periodMs: number): number {
  const fitting = Math.floor(Math.log2(periodMs / (RETRY.firstMs * LONGEST) + 1)) + 1;
  return Math.min(LEAST_ATTEMPTS, fitting);
}

/** How long until the next heartbeat: at most the interval, spread so that none come in bursts. */
export function toHeartbeatDelayMs(intervalMs: number, random: Random): number {
  return intervalMs * (0.9 + random() / 10);
}

/** The first heartbeat after a change of leader: anywhere in the interval, for the same reason. */
export function toFirstHeartbeatDelayMs(intervalMs: number, random: Random): number {
  return intervalMs * random();
}

/** What an attempt means: `gone` settles the callback for good, `drop` gives up this event only. */
export type Verdict = 'delivered' | 'gone' | 'drop' | 'retry';

/**
 * How long after an event was cut off a final one is repeated: longer than a receiver that is slow
 * is likely to be busy with what it was sent before.
 */
export const REPEAT_AFTER_MS = 15_000;

/** A 4xx drops an update, since the next one says more; nothing but 410 drops a final event. */
export function judgeAttempt(status: number | undefined, kind: EventKind): Verdict {
  if (status === undefined) return 'retry';
  if (status >= 200 && status < 300) return 'delivered';
  if (status === 410) return 'gone';
  const isClientError = status >= 400 && status < 500;
  return isClientError && kind === 'update' ? 'drop' : 'retry';
}
