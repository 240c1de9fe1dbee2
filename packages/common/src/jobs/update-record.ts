import type { Logger } from 'pino';
import { errors } from '../errors.ts';
import type { JobRecord } from './job.ts';
import type { JobStore, RecordChange } from './job-store.ts';
import { logProgress } from './operator-lines.ts';

/** Two writers meet now and then; so many rounds mean that something is wrong. */
const MAX_ROUNDS = 16;

/**
 * Applies what `toChange` says of the newest record, asking it again whenever another writer came
 * first. Resolves with the record as it then stands: unchanged when `toChange` says undefined, and
 * undefined when that job is gone. With a logger, it has the lines that operators get of such a change.
 * @throws TrainerError CLUSTER_UNAVAILABLE when other writers come first for ever.
 */
export async function updateRecord(
  store: JobStore,
  record: JobRecord,
  toChange: (current: JobRecord) => RecordChange | undefined | Promise<RecordChange | undefined>,
  logger?: Logger,
): Promise<JobRecord | undefined> {
  let current: JobRecord | undefined = record;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    if (current?.uid !== record.uid) return undefined;
    const change = await toChange(current);
    if (change === undefined) return current;
    const updated = await store.update(current, change);
    if (updated !== undefined) {
      if (logger !== undefined) logProgress(logger, current, updated);
      return updated;
    }
    current = await store.getLive(record.name);
  }
  throw errors.jobChangesTooFast();
}
