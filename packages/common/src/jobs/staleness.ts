import type { JobRunner } from './job-runner.ts';
import type { JobStore } from './job-store.ts';

/** Beyond this, an answer says since when it may lack changes, and absence proves nothing. */
const STALE_AFTER_MS = 30_000;

type Caches = {
  readonly store: Pick<JobStore, 'behindForMs'>;
  readonly runner: Pick<JobRunner, 'behindForMs'>;
};

/** For how long what is known of jobs may have missed changes; infinite before it is complete. */
export function behindForMs({ store, runner }: Caches): number {
  return Math.max(store.behindForMs(), runner.behindForMs());
}

/** A sentence that answers show old states; undefined while they do not, or nothing is known. */
export function stalenessReason(caches: Caches): string | undefined {
  const behindMs = behindForMs(caches);
  if (!isStale(behindMs) || !Number.isFinite(behindMs)) return undefined;
  const seconds = Math.round(behindMs / 1000);
  return `Jobs are told as they were ${seconds} s ago.`;
}

/** Whether a state that may lack changes for so long must be marked as old. */
export function isStale(behindMs: number): boolean {
  return behindMs > STALE_AFTER_MS;
}
