import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { errors, isLogged } from '../errors.ts';
import { isTerminal, type JobRecord } from '../jobs/job.ts';
import type { Actor } from '../jobs/job-event.ts';
import type { JobRunner } from '../jobs/job-runner.ts';
import { isRunOf, type Observation } from '../jobs/observation.ts';
import { logProgress, toLogged } from '../jobs/operator-lines.ts';
import { updateRecord } from '../jobs/update-record.ts';
import type { EndChange } from './end-change.ts';
import type { LastWordsParts } from './last-words.ts';
import { toCancelled, toObservedEnd } from './terminal-states.ts';

export interface CancelJobParts extends LastWordsParts {
  readonly runner: JobRunner;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly endChange: EndChange;
  /** How long a run may take to save a checkpoint. */
  readonly graceMs: number;
}

export interface CancelOutcome {
  /** As it stands then. */
  readonly record: JobRecord;
  /** What came of it, in a sentence. */
  readonly detail: string;
  /** Whether this call ended the job. */
  readonly isCancelled: boolean;
}

/**
 * Ends a job for good. One that has ended keeps its end, also when only a live look shows that. With
 * `save`, a training that reports is ordered to save a checkpoint first, for which its run has a while.
 * @throws TrainerError JOB_NOT_FOUND, CLUSTER_UNAVAILABLE
 */
export async function cancelJob(
  { store, runner, clock, logger, graceMs, endChange }: CancelJobParts,
  found: JobRecord,
  { save, by }: { readonly save: boolean; readonly by: Actor },
): Promise<CancelOutcome> {
  let isOurs = false;
  /** The record that this call ends; undefined where it has ended before. */
  let before: JobRecord | undefined;
  const record = await updateRecord(store, found, async (current) => {
    isOurs = false;
    before = undefined;
    if (isTerminal(current.state.status)) return undefined;
    before = current;
    const seen = await runner.observe(current.name);
    const hasEnded = isRunOf(current, seen) && isTerminal(seen.status);
    isOurs = !hasEnded;
    const nowMs = clock.now();
    return {
      ...(hasEnded
        ? await endChange.toChange(current, toObservedEnd(current, seen, nowMs), seen)
        : {
            by,
            state: toCancelled(current, seen, nowMs),
            ...(save && canSave(current, seen) && { stopAtMs: nowMs + graceMs }),
          }),
      // Written anew, it can be read again, so that the end is sent.
      ...(current.unreadable?.includes('delivery') && { delivery: current.delivery }),
    };
  });
  if (record === undefined) throw errors.jobNotFound(found.id);
  if (isOurs && record.stopAtMs === undefined) {
    // The controller repeats this until nothing runs, so a failure here loses nothing.
    await runner.stop(record).catch((error: unknown) => {
      logger[isLogged(error) ? 'debug' : 'warn'](
        { ...toLogged(record), err: error },
        'stop failed, controller will retry',
      );
    });
  }
  if (before !== undefined && !isOurs) logProgress(logger, before, record);
  const detail = isOurs ? record.state.detail : `Job already ${record.state.status}`;
  return { record, detail, isCancelled: isOurs };
}

/** Whether there is a training that takes orders and has something to save. */
function canSave(record: JobRecord, seen: Observation): boolean {
  if (record.reportTokenHash === undefined || !isRunOf(record, seen)) return false;
  return !seen.isStopping && (seen.startedAtMs ?? record.state.startedAtMs) !== undefined;
}
