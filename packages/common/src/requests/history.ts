import { z } from 'zod';

/** What is kept of a job's life; progress and metrics pass and are not. */
export const JOB_EVENT_TYPES = [
  'job.state',
  'job.phase',
  'job.checkpoint',
  'job.warning',
  'job.delivery',
  'job.callbacks',
  'job.rerun',
] as const;
export type JobEventType = (typeof JOB_EVENT_TYPES)[number];

export const EVENT_LEVELS = ['info', 'warning', 'error'] as const;
export type EventLevel = (typeof EVENT_LEVELS)[number];

const ActorSchema = z
  .object({
    type: z
      .enum(['system', 'token', 'anonymous', 'trainer'])
      .describe('`anonymous` where callers need no token; `trainer` is the training itself'),
    name: z.string().optional().describe('What the token is called, of `token`'),
  })
  .meta({ id: 'Actor' });

/** One thing that happened to a job. */
export const HistoryEventSchema = z
  .object({
    id: z.int().describe('The revision of the job that it made'),
    type: z.enum(JOB_EVENT_TYPES).describe('Later versions may add some'),
    job_id: z.string().describe("The caller's own id of the job"),
    time: z.iso.datetime().describe('When it happened'),
    attempt: z.int().nullable().describe('Which run of the job, from 1 on, where that is known'),
    level: z.enum(EVENT_LEVELS).describe('How bad it is'),
    message: z.string().describe('One sentence for people'),
    data: z.record(z.string(), z.unknown()).describe('The same for programs, by type'),
    actor: ActorSchema.describe('Who had it done'),
  })
  .meta({ id: 'HistoryEvent' });
export type HistoryEvent = z.output<typeof HistoryEventSchema>;

/** The answer of `GET /train/{job_id}/events`. */
export const HistorySchema = z
  .object({
    job_id: z.string().describe("The caller's own id of the job"),
    revision: z.int().describe('That of the newest event'),
    data: z
      .array(HistoryEventSchema)
      .describe('What is kept, oldest first; of many events of one kind the oldest are forgotten'),
  })
  .meta({ id: 'History' });
export type History = z.output<typeof HistorySchema>;
