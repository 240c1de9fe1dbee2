import { z } from 'zod';
import { errors } from '../../errors.ts';
import { JobIdSchema } from '../../requests/job-status.ts';

/** What a route with a job's id in its path is refused with; an escape in it may be no UTF-8. */
export const JOB_PROBLEMS = ['INVALID_REQUEST', 'JOB_NOT_FOUND'] as const;

export const Params = z.object({ job_id: JobIdSchema });

export interface JobParams {
  Params: z.output<typeof Params>;
}

/** The id in a path. One that no job can have names no job; the sentence says what ids look like. */
export function toJobId({ job_id }: JobParams['Params']): string {
  const parsed = JobIdSchema.safeParse(job_id);
  if (parsed.success) return parsed.data;
  const rule = parsed.error.issues[0]?.message ?? '';
  throw errors.jobIdImpossible(rule);
}
