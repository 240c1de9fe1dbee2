import { z } from 'zod';
import { JobIdSchema } from '../../requests/job-status.ts';

/** What a route with a job's id in its path is refused with; an escape in it may be no UTF-8. */
export const JOB_PROBLEMS = ['INVALID_REQUEST', 'JOB_NOT_FOUND'] as const;

export const Params = z.object({ job_id: JobIdSchema });

export interface JobParams {
  Params: z.output<typeof Params>;
}
