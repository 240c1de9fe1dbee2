import type { JobRecord } from '../jobs/job.ts';
import type { PreparedJob } from '../jobs/job-runner.ts';
import type { RecordChange } from '../jobs/job-store.ts';

/** What keeps a plan that was made anew in its record, with the warnings that are new. Pure. */
export function toPlanChange(
  { warnings }: JobRecord,
  { plan, echo, warnings: found }: Omit<PreparedJob, 'secrets'>,
): RecordChange {
  const added = found.filter((warning) => !warnings.includes(warning));
  return {
    prepared: { plan, echo },
    ...(added.length > 0 && { warnings: [...warnings, ...added] }),
  };
}
