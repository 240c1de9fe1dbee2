import { errors } from '../errors.ts';
import type { JsonObject } from '../jobs/job.ts';
import { toJobName } from '../jobs/job-name.ts';
import type { SpecifiedJob } from '../jobs/job-spec.ts';
import type { JobStore } from '../jobs/job-store.ts';
import type { RequestIdentity } from '../requests/asked-forms.ts';
import { JobIdSchema } from '../requests/job-status.ts';
import { nameResumeDifferences } from '../requests/resume-differences.ts';

/**
 * Refuses a checkpoint that cannot fit, where that can be told: now, not after minutes of loading.
 * @throws TrainerError INVALID_REQUEST, CLUSTER_UNAVAILABLE
 */
export async function assertResumable(
  store: JobStore,
  { asked, spec }: Pick<RequestIdentity, 'asked'> & Pick<SpecifiedJob, 'spec'>,
): Promise<void> {
  const resumeFrom = (asked.second?.extra_parameters as JsonObject | undefined)?.resume_from;
  if (!JobIdSchema.safeParse(resumeFrom).success) return;
  const jobId = String(resumeFrom);
  const record = await store.get(toJobName(spec.backend, jobId));
  const kept = record && (await store.readPlan(record))?.asked.second;
  if (kept === undefined || asked.second === undefined) return;
  const differing = nameResumeDifferences(kept, asked.second);
  if (differing.length > 0) throw errors.resumeMismatch(jobId, differing);
}
