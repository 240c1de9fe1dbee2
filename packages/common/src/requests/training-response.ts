import { z } from 'zod';
import { JOB_STATUSES, JobStatusSchema } from './job-status.ts';

const timestamp = z.iso.datetime().nullable();

export const ProgressSchema = z
  .object({
    percentage: z.number().min(0).max(100).nullable().describe('How much of the training is done'),
    estimated_remaining_seconds: z
      .number()
      .min(0)
      .nullable()
      .describe('How long the rest may take'),
    metrics: z.record(z.string(), z.number()).describe('What the trainer measured last, by name'),
  })
  .meta({ id: 'Progress' });

/** What the trainer last reported of a running job. */
export type Progress = z.output<typeof ProgressSchema>;

export const TimestampsSchema = z
  .object({
    created_at: timestamp.describe('When the job was accepted'),
    updated_at: timestamp.describe('When its status or reason last changed'),
    started_at: timestamp.describe('When it was first seen running'),
    ended_at: timestamp.describe('When it ended'),
  })
  .meta({ id: 'Timestamps' });

/** The answer of every `/train` route that succeeds. */
export const TrainingResponseSchema = z
  .object({
    job_id: z.string().describe("The caller's own id of the job"),
    backend_job_id: z.string().meta({ description: "The TrainJob's name" }),
    status: JobStatusSchema,
    reason: z.string().meta({ description: 'A stable code for why the status is what it is' }),
    detail: z.string().meta({ description: 'One sentence for people' }),
    progress: ProgressSchema.nullable().describe('What the trainer last reported, if it does'),
    timestamps: TimestampsSchema.describe('UTC; null for what has not happened'),
    dashboard_url: z
      .string()
      .nullable()
      .describe('A page about the job, where the operator set one up'),
    stale_since: timestamp
      .optional()
      .describe(
        'Given while the cluster cannot be reached: since when changes may be missing here',
      ),
    metadata: z.object({
      backend: z.string().describe('Which service the job belongs to'),
      warnings: z
        .array(z.string())
        .describe('What was accepted but will not act as its sender may think'),
      job_spec: z
        .record(z.string(), z.unknown())
        .meta({ description: 'What was handed to the runner, with every credential redacted' }),
    }),
  })
  .meta({ id: 'TrainingResponse' });
export type TrainingResponse = z.output<typeof TrainingResponseSchema>;

/** The body of a callback: the small part of a TrainingResponse, at most 8 KiB. */
export const CallbackEventSchema = z
  .object({
    ...TrainingResponseSchema.pick({
      job_id: true,
      backend_job_id: true,
      status: true,
      reason: true,
      detail: true,
      progress: true,
      timestamps: true,
    }).shape,
    status: z.enum([...JOB_STATUSES, 'queued']).meta({
      description: '`queued` instead of `submitted`, where the operator wants that',
    }),
    log: z.string().meta({
      description: '`detail`, and in an update the progress in words, where there is any',
    }),
    timestamp: z
      .number()
      .meta({ description: 'When the state was observed, in UNIX seconds with a fraction' }),
    sequence: z.int().meta({ description: 'Grows over the life of the job' }),
  })
  .meta({ id: 'CallbackEvent' });
export type CallbackEvent = z.output<typeof CallbackEventSchema>;
