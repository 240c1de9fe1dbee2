import { z } from 'zod';

/** Where a training may say its time goes; `queued` is the runner's to say. */
export const REPORTED_PHASES = [
  'downloading',
  'training',
  'evaluating',
  'saving',
  'uploading',
] as const;
export type ReportedPhase = (typeof REPORTED_PHASES)[number];

const MAX_STEP = 1e12;
const MAX_ITEMS = 1000;

const step = z.int().min(0).max(MAX_STEP);
/** UNIX seconds, up to the end of the year 9999, beyond which no RFC 3339 goes. */
const time = z.number().min(0).max(253_402_300_799);
/** NaN and the infinite are null in JSON. */
const values = z.record(z.string(), z.number().nullable());

/**
 * What a training process says of its job. Names that are not here are left out, and so is a phase
 * of a later version: neither is a reason to go without the rest.
 */
export const ReportSchema = z.object({
  attempt: z
    .int()
    .min(1)
    .max(1_000_000)
    .describe('Which run of the job this is, from 1 on, as its platform counts'),
  started_at: time.nullish().describe('When this run began, by its own clock'),
  phase: z.enum(REPORTED_PHASES).nullish().catch(undefined),
  step: step.nullish(),
  max_steps: step.nullish(),
  percentage: z.number().min(0).max(100).nullish(),
  remaining_seconds: z.number().min(0).max(1e10).nullish(),
  metrics: z
    .array(z.object({ step: step.nullish(), time: time.nullish(), values }))
    .max(MAX_ITEMS)
    .default([])
    .describe('What was measured since the last report'),
  checkpoints: z
    .array(z.object({ step, uri: z.string(), time: time.nullish() }))
    .max(MAX_ITEMS)
    .default([])
    .describe('Complete at the output'),
  warnings: z.array(z.string()).max(MAX_ITEMS).default([]),
  log_tail: z.string().nullish().describe('The masked end of its log, 8 KiB'),
  result: z.record(z.string(), z.unknown()).nullish().describe('Once, at the end'),
  sent_up_to: step.nullish().describe('The step up to which metrics were sent before'),
});
export type Report = z.output<typeof ReportSchema>;

const OrderSchema = z.object({
  do: z.enum(['stop', 'stacks']),
  save: z.boolean().optional().describe('Whether a checkpoint is saved first'),
});
export type Order = z.output<typeof OrderSchema>;

/** The answer to a report. */
export const ReportAnswerSchema = z.object({
  orders: z.array(OrderSchema),
  sent_up_to: step.describe('The last step whose metrics are known here'),
  send_from_step: step.optional().describe('From where metrics are to be sent again'),
});
export type ReportAnswer = z.output<typeof ReportAnswerSchema>;
