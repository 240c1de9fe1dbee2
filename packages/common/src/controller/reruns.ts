import type { Logger } from 'pino';
import { errors, isLogged, type TrainerError } from '../errors.ts';
import { isAskedComplete } from '../jobs/history.ts';
import { isTerminal, type JobRecord } from '../jobs/job.ts';
import type { Actor } from '../jobs/job-event.ts';
import { toJobName } from '../jobs/job-name.ts';
import type { JobRunner } from '../jobs/job-runner.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { isRunOf } from '../jobs/observation.ts';
import { toLogged } from '../jobs/operator-lines.ts';
import { updateRecord } from '../jobs/update-record.ts';
import type { KeptRequest } from '../requests/kept-request.ts';
import type { RerunStart } from '../requests/rerun.ts';

export interface RerunParts {
  readonly store: JobStore;
  readonly runner: JobRunner;
  readonly logger: Logger;
}

/** A job that is to be run again. */
export interface RerunSource {
  readonly record: JobRecord;
  /** Undefined where it is not kept. */
  readonly request: KeptRequest | undefined;
  /** Why it cannot be run again as asked, whatever the changes are. */
  readonly refusal: TrainerError | undefined;
}

/**
 * What a job is run again from, as it stands right now.
 * @throws TrainerError JOB_NOT_FOUND, CLUSTER_UNAVAILABLE
 */
export async function readRerunSource(
  { store, runner }: RerunParts,
  known: JobRecord,
  from: RerunStart | undefined,
): Promise<RerunSource> {
  const record = await store.getLive(known.name);
  const payload = record && (await store.readPayload(record));
  if (record === undefined || payload === undefined) throw errors.jobNotFound(known.id);
  const { request } = payload;
  return { record, request, refusal: await findRefusal() };

  async function findRefusal(): Promise<TrainerError | undefined> {
    const { id, state, reported } = record as JobRecord;
    if (!isTerminal(state.status)) return errors.rerunTooEarly(id);
    if (request === undefined) return errors.requestNotKept(id);
    if (from !== 'checkpoint') return undefined;
    const seen = await runner.observe(known.name);
    // It may still be saving the checkpoint that is wanted.
    const isGoingOn =
      isRunOf(record as JobRecord, seen) && (seen.isStopping || !isTerminal(seen.status));
    if (isGoingOn) return errors.jobBeingStopped(id);
    return (reported?.checkpoints.length ?? 0) > 0 ? undefined : errors.checkpointMissing(id);
  }
}

/**
 * Has the history of the job before a rerun tell of it, once. What it cannot write is not worth to
 * fail for: the rerun itself says whose it is, and its repetition comes here again.
 */
export async function tellRerun(
  { store, logger }: Omit<RerunParts, 'runner'>,
  { id: jobId, backend, createdAtMs, rerunOf }: JobRecord,
  { by, isReplay }: { readonly by: Actor; readonly isReplay: boolean },
): Promise<void> {
  if (rerunOf === undefined) return;
  const { from } = rerunOf;
  const name = toJobName(backend, rerunOf.jobId);
  try {
    const parent = await store.get(name);
    if (parent === undefined || parent.createdAtMs > createdAtMs) return;
    // Another replica may be telling of it too, so that each version of the record is asked anew.
    await updateRecord(store, parent, async (current) => {
      const events = await store.readEvents(current);
      const isTold = events.some(
        // An earlier one of that id, which was forgotten, is another.
        ({ type, timeMs, data }) =>
          type === 'job.rerun' && data.job_id === jobId && timeMs >= createdAtMs,
      );
      if (isTold || (isReplay && !isAskedComplete(current.history, events, createdAtMs))) {
        return undefined;
      }
      return { by, atMs: createdAtMs, rerun: { jobId, from } };
    });
  } catch (error) {
    logger[isLogged(error) ? 'debug' : 'warn'](
      { ...toLogged({ id: rerunOf.jobId, name }), err: error },
      'history does not tell of a rerun',
    );
  }
}
