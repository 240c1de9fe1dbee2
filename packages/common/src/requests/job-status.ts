import { z } from 'zod';

/** The states of a job on the wire. The last three are terminal. */
export const JOB_STATUSES = ['submitted', 'running', 'succeeded', 'failed', 'cancelled'] as const;

export const JobStatusSchema = z.enum(JOB_STATUSES).meta({ id: 'JobStatus' });
export type JobStatus = z.output<typeof JobStatusSchema>;

export const JobIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9._:-]{1,128}$/, {
    error: 'must be 1 to 128 characters of letters, digits, ".", "_", ":" and "-"',
  })
  .refine((id) => id !== '.' && id !== '..', {
    error: 'must not be "." or "..", which no path can name',
  })
  .meta({ description: "The caller's own id of the job", examples: ['unique-train-id'] });
