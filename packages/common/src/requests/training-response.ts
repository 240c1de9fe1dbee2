import { z } from 'zod';
import { JOB_STATUSES, JobStatusSchema } from './job-status.ts';
import { PHASES, PhaseSpanSchema } from './phase.ts';

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

export const CheckpointSchema = z
  .object({
    step: z.int().min(0).describe('After how many steps it was made'),
    uri: z.string().describe('Where it lies, below the `output_uri` of the job'),
    saved_at: timestamp.describe('When it was complete there'),
  })
  .meta({ id: 'Checkpoint' });

export const ResultSchema = z
  .looseObject({
    model_uri: z.string().optional().describe('Where the model lies'),
    method: z.string().optional().describe('How it was trained'),
    engine: z.string().optional().describe('What trained it'),
    rows: z.number().optional().describe('Rows that were trained on'),
    steps: z.number().optional().describe('Steps that were trained'),
    loss: z.number().optional().describe('The last loss'),
    eval_loss: z.number().optional().describe('The best loss on rows that were held out'),
    comparison: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('The tuned model beside its base: losses, answers, and a verdict'),
  })
  .meta({ id: 'Result' });

const LinksSchema = z
  .object({
    events: z.string().describe('What happened to it, also as a stream'),
    logs: z.string().describe('What it writes'),
    metrics: z.string().describe('What it measured'),
  })
  .meta({ id: 'Links' });

/** The answer of every `/train` route that succeeds. */
export const TrainingResponseSchema = z
  .object({
    job_id: z.string().describe("The caller's own id of the job"),
    backend_job_id: z.string().meta({ description: "The TrainJob's name" }),
    status: JobStatusSchema,
    reason: z.string().meta({ description: 'A stable code for why the status is what it is' }),
    detail: z.string().meta({ description: 'One sentence for people' }),
    revision: z
      .int()
      .describe('That of the newest event of its history; what a long poll gives as `after`'),
    progress: ProgressSchema.nullable().describe('What the trainer last reported, if it does'),
    phase: z
      .enum(PHASES)
      .nullable()
      .describe(
        'Where the time goes; `stalled`: it has reported before, and for minutes no report or no step has come; null once the job has ended',
      ),
    phases: z
      .array(PhaseSpanSchema)
      .describe(
        'Where its time went and goes, oldest first; of many in between some are left out, as a gap',
      ),
    checkpoints: z
      .array(CheckpointSchema)
      .describe('The newest checkpoints that the training has reported, oldest first'),
    result: ResultSchema.nullable().describe('What came of it, as its training says'),
    rerun_of: z
      .string()
      .nullable()
      .describe(
        'The ended job that it was made of, by a rerun; null for any other. Once that is forgotten, a later job may have its id',
      ),
    reruns: z
      .array(z.string())
      .describe('The jobs that it was run again as, oldest first; the newest hundred'),
    timestamps: TimestampsSchema.describe('UTC; null for what has not happened'),
    dashboard_url: z
      .string()
      .nullable()
      .describe('A page about the job, where the operator said how people reach one'),
    links: LinksSchema.optional().describe(
      'Where there is more, where the operator said how people reach the service',
    ),
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
    result: ResultSchema.optional().describe('Of a final event: what came of it, 1 KiB at most'),
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
