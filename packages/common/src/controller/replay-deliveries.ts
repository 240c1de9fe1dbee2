import pLimit from 'p-limit';
import { TrainerError } from '../errors.ts';
import type { JobRecord } from '../jobs/job.ts';

/** So many records are written at a time, so that the leader's own writes get through. */
const CONCURRENCY = 8;

export interface Replays {
  readonly replayed: readonly JobRecord[];
  readonly refused: readonly { readonly jobId: string; readonly error: TrainerError }[];
}

/**
 * Has the callbacks of many jobs sent again. What is refused of one, also because its place cannot be
 * reached, keeps no other from being sent. `replay` says undefined where there is nothing to do any more.
 */
export async function replayDeliveries(
  jobIds: readonly string[],
  replay: (jobId: string) => Promise<JobRecord | undefined>,
): Promise<Replays> {
  const limit = pLimit(CONCURRENCY);
  const replayed: JobRecord[] = [];
  const refused: Replays['refused'][number][] = [];
  await Promise.all(
    [...new Set(jobIds)].map((jobId) =>
      limit(async () => {
        try {
          const record = await replay(jobId);
          if (record !== undefined) replayed.push(record);
        } catch (error) {
          if (!(error instanceof TrainerError)) throw error;
          refused.push({ jobId, error });
        }
      }),
    ),
  );
  return { replayed, refused };
}
