import pLimit from 'p-limit';
import type { Clock } from '../clock.ts';
import { errors, TrainerError } from '../errors.ts';
import { type JobRecord, NO_DELIVERY } from '../jobs/job.ts';
import type { Actor } from '../jobs/job-event.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { updateRecord } from '../jobs/update-record.ts';
import type { DeliveryStateName } from '../requests/delivery-list.ts';
import { listOldest, toDeliveryState } from './list-deliveries.ts';

/** So many records are written at a time, so that the leader's own writes get through. */
const CONCURRENCY = 8;

export interface ReplayParts {
  readonly store: JobStore;
  readonly clock: Clock;
  /** The record of a job. @throws TrainerError JOB_NOT_FOUND, CLUSTER_UNAVAILABLE */
  readonly find: (jobId: string) => Promise<JobRecord>;
}

export interface Replays {
  readonly replayed: readonly JobRecord[];
  readonly refused: readonly { readonly jobId: string; readonly error: TrainerError }[];
}

/**
 * Has the newest callback of a job sent again, also one that was settled; one that `isWanted` does not
 * accept is left alone.
 * @throws TrainerError REPLAY_REFUSED when the job has no webhook, or when what it is called with was
 *   deleted; JOB_NOT_FOUND, CLUSTER_UNAVAILABLE
 */
export async function replayDelivery(
  { store, clock, find }: ReplayParts,
  jobId: string,
  by: Actor,
  isWanted: (current: JobRecord) => boolean = () => true,
): Promise<{ readonly record: JobRecord; readonly isReplayed: boolean }> {
  let isReplayed = false;
  const record = await updateRecord(store, await find(jobId), (current) => {
    isReplayed = isWanted(current);
    if (!isReplayed) return undefined;
    if (!current.hasWebhook) throw errors.nothingToReplay(jobId);
    if (current.webhookAuth === 'gone') throw errors.webhookAuthGone(jobId);
    const { attempts } = current.delivery;
    return { by, delivery: { ...NO_DELIVERY, attempts, replayedAtMs: clock.now() } };
  });
  if (record === undefined) throw errors.jobNotFound(jobId);
  return { record, isReplayed };
}

/**
 * Has the callbacks of many jobs sent again. What is refused of one, also because its place cannot be
 * reached, keeps no other from being sent.
 */
export async function replayDeliveries(
  parts: ReplayParts,
  jobIds: readonly string[],
  by: Actor,
  isWanted?: (current: JobRecord) => boolean,
): Promise<Replays> {
  const limit = pLimit(CONCURRENCY);
  const replayed: JobRecord[] = [];
  const refused: Replays['refused'][number][] = [];
  await Promise.all(
    [...new Set(jobIds)].map((jobId) =>
      limit(async () => {
        try {
          const { record, isReplayed } = await replayDelivery(parts, jobId, by, isWanted);
          if (isReplayed) replayed.push(record);
        } catch (error) {
          if (!(error instanceof TrainerError)) throw error;
          refused.push({ jobId, error });
        }
      }),
    ),
  );
  return { replayed, refused };
}

/**
 * The same for the oldest thousand of one state, or for those after the cursor of an answer for it: what
 * is sent again may soon be in that state again. What has left it meanwhile is left alone.
 * @throws TrainerError INVALID_REQUEST for any other cursor
 */
export async function replayState(
  parts: ReplayParts,
  { state, cursor }: { readonly state: DeliveryStateName; readonly cursor: string | undefined },
  by: Actor,
): Promise<Replays & { readonly nextCursor: string | undefined }> {
  const { records, nextCursor } = listOldest(parts.store.list(), state, cursor);
  const isStill = (current: JobRecord) => toDeliveryState(current) === state;
  const ids = records.map(({ id }) => id);
  return { ...(await replayDeliveries(parts, ids, by, isStill)), nextCursor };
}
