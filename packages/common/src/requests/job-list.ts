import { z } from 'zod';
import { DELIVERY_STATES } from './delivery-list.ts';
import { repeatable } from './field.ts';
import { JOB_STATUSES, JobIdSchema, JobStatusSchema } from './job-status.ts';
import { PHASES } from './phase.ts';
import { TrainingResponseSchema } from './training-response.ts';

const fields = TrainingResponseSchema.shape;

/** Null for a job of a version that kept nothing of its request in the list. */
const ofRequest = <T extends z.ZodType>(schema: T) => schema.nullable();

/** One job of a list: the small part of a TrainingResponse. */
export const JobRowSchema = z
  .object({
    job_id: fields.job_id,
    backend_job_id: fields.backend_job_id,
    status: fields.status,
    reason: fields.reason,
    detail: fields.detail,
    phase: fields.phase,
    progress: fields.progress,
    timestamps: fields.timestamps,
    revision: fields.revision,
    delivery: z
      .enum(DELIVERY_STATES)
      .nullable()
      .describe(
        'What became of the final callback; null where the job has no webhook or has not ended',
      ),
    model: ofRequest(z.string()).describe('`base_model.model_name`, 256 bytes at most'),
    method: ofRequest(z.string()).describe('`customization.method`'),
    provider: ofRequest(z.string()).describe('`base_model.provider`'),
    gpus: ofRequest(z.int()).describe('`resources.gpus`'),
    labels: ofRequest(z.record(z.string(), z.string())).describe(
      '`extra_parameters.job_labels`, the first 1 KiB of them',
    ),
    rerun_of: fields.rerun_of,
    reruns: fields.reruns,
  })
  .meta({ id: 'JobRow' });
export type JobRow = z.output<typeof JobRowSchema>;

/** The answer of `GET /train`. */
export const JobListSchema = z
  .object({
    data: z.array(JobRowSchema).describe('Newest first'),
    has_more: z.boolean().describe('Whether there are older ones'),
    next_cursor: z.string().nullable().describe('Leads to the older ones'),
    counts: z
      .object(Object.fromEntries(JOB_STATUSES.map((status) => [status, z.int()])))
      .describe('How many there are of each status, whatever `status` was asked for'),
    stale_since: fields.stale_since,
  })
  .meta({ id: 'JobList' });
export type JobList = z.output<typeof JobListSchema>;

const time = z.iso.datetime({
  offset: true,
  error: 'must be a time such as 2026-11-26T09:00:00Z',
});
const labels = z.record(z.string(), z.string().max(63), {
  error: 'must name a label and its value, as label[team]=x',
});
const MAX_LIMIT = 200;

/** What may be asked of the list. */
export const JobListQuerySchema = z.object({
  status: repeatable(z.array(JobStatusSchema)).describe('May be given several times'),
  reason: z.string().max(64).optional(),
  phase: z.enum(PHASES).optional(),
  backend_job_id: z.string().max(253).optional(),
  model: z.string().max(4096).optional().describe('The whole name'),
  method: z.string().max(64).optional(),
  provider: z.string().max(64).optional(),
  label: labels.optional().meta({
    description:
      'As `label[team]=x`: jobs with this one of `extra_parameters.job_labels`; of several, all',
    style: 'deepObject',
    explode: true,
  }),
  rerun_of: JobIdSchema.optional().describe('Jobs that this one was run again as'),
  created_after: time.optional().describe('Excluded itself'),
  created_before: time.optional().describe('Excluded itself'),
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(50),
  cursor: z
    .string()
    .max(1024)
    .optional()
    .describe('`next_cursor` of an answer to the same filters'),
});
export type JobListQuery = z.output<typeof JobListQuerySchema>;
