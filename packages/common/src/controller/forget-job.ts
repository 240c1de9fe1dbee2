import { errors } from '../errors.ts';
import { isTerminal, type JobRecord } from '../jobs/job.ts';
import type { JobRunner } from '../jobs/job-runner.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { isRunOf } from '../jobs/observation.ts';

export interface ForgetJobParts {
  readonly store: JobStore;
  readonly runner: JobRunner;
}

/** The leader writes a few times around an end; so many rounds mean that something is wrong. */
const MAX_ROUNDS = 16;

/**
 * Deletes an ended job with its credentials, and its run, where that is kept for people to look at.
 * Whatever changes the record meanwhile is looked at before it goes. `dropsCallback` gives up a final
 * callback that nobody has taken yet, and nothing else.
 * @throws TrainerError JOB_NOT_ENDED, JOB_BEING_STOPPED, CALLBACK_UNDELIVERED, JOB_NOT_FOUND,
 *   CLUSTER_UNAVAILABLE
 */
export async function forgetJob(
  { store, runner }: ForgetJobParts,
  record: JobRecord,
  { dropsCallback }: { readonly dropsCallback: boolean },
): Promise<void> {
  // Not as it is known here: on another replica it may have ended, or been told, a moment ago.
  let current = await store.getLive(record.name);
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    if (current?.uid !== record.uid) throw errors.jobNotFound(record.id);
    if (!isTerminal(current.state.status)) throw errors.jobNotEnded(record.id);
    const isUndelivered = current.delivery.settled === undefined;
    if (isUndelivered && !dropsCallback) throw errors.callbackUndelivered(record.id);
    const seen = await runner.observe(current.name);
    if (isRunOf(current, seen)) {
      // Its record is what has it stopped, by every leader and after a restart too.
      const isGoingOn = seen.isStopping || !isTerminal(seen.status);
      if (isGoingOn) throw errors.jobBeingStopped(record.id);
      await runner.stop(current);
    }
    if (await store.delete(current)) return;
    current = await store.getLive(record.name);
  }
  throw errors.jobChangesTooFast();
}
