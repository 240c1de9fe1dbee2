import type { Clock } from '../clock.ts';
import { toRevision } from '../jobs/history.ts';
import type { JobRecord } from '../jobs/job.ts';
import type { JobStore } from '../jobs/job-store.ts';
import type { JobChanges } from './job-changes.ts';

export interface AwaitRevisionParts {
  readonly store: Pick<JobStore, 'getCached'>;
  readonly clock: Clock;
  readonly changes: Pick<JobChanges, 'watch'>;
}

/**
 * Resolves once the job has another revision than `after`, or is gone, or after `timeoutMs`, or with
 * `signal`; whether there is something new to tell.
 */
export async function awaitRevision(
  { store, clock, changes }: AwaitRevisionParts,
  { name, uid }: JobRecord,
  { after, timeoutMs, signal }: { after: number; timeoutMs: number; signal: AbortSignal },
): Promise<boolean> {
  const hasNews = () => {
    const current = store.getCached(name);
    return current?.uid !== uid || toRevision(current.history) !== after;
  };
  if (hasNews()) return true;
  const over = Promise.withResolvers<void>();
  const unwatch = changes.watch(name, () => {
    if (hasNews()) over.resolve();
  });
  const cancel = clock.schedule(timeoutMs, over.resolve);
  signal.addEventListener('abort', () => over.resolve(), { once: true });
  if (signal.aborted) over.resolve();
  await over.promise;
  unwatch();
  cancel();
  return hasNews();
}
