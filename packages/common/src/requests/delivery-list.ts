import { z } from 'zod';
import { optional, repeatable } from './field.ts';
import { JobIdSchema } from './job-status.ts';

export const DELIVERY_STATES = ['pending', 'delivered', 'gone', 'expired'] as const;
export type DeliveryStateName = (typeof DELIVERY_STATES)[number];
const state = z.enum(DELIVERY_STATES);
const timestamp = z.iso.datetime().nullable();

/** So many are listed or replayed with one request. */
export const MAX_DELIVERIES = 1000;

/** The query of `GET /deliveries`. */
export const DeliveryQuerySchema = z.object({
  state: repeatable(z.array(state)).describe('Only these states; may be given several times'),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_DELIVERIES)
    .optional()
    .describe('How many at most; 50 when not given'),
  cursor: z.string().max(1024).optional().describe('`next_cursor` of the page before'),
});
export type DeliveryQuery = z.output<typeof DeliveryQuerySchema>;

const DeliveryRowSchema = z.object({
  job_id: z.string().describe("The caller's own id of the job"),
  backend_job_id: z.string().describe("The TrainJob's name"),
  state: state.describe('What became of the final callback; `pending`: it is still due'),
  origin: z.string().nullable().describe('Scheme, host and port of the webhook, where known'),
  attempt_count: z.int().describe('POSTs of the final callback so far'),
  last_status: z.int().nullable().describe('HTTP status of the last answer, if any'),
  last_error: z.string().nullable().describe('What went wrong last, if anything did'),
  next_attempt_at: timestamp.describe('When the next is due, if one is'),
  replayed_at: timestamp.describe('When a replay was last asked for'),
  ended_at: timestamp.describe('When the job ended'),
});

/** The answer of `GET /deliveries`. */
export const DeliveryListSchema = z
  .object({
    data: z.array(DeliveryRowSchema).meta({ description: 'Those that ended last come first' }),
    has_more: z.boolean().describe('Whether there is another page'),
    next_cursor: z.string().nullable().describe('Asks for it'),
    counts: z
      .object(
        Object.fromEntries(DELIVERY_STATES.map((name) => [name, z.int()])) as Record<
          DeliveryStateName,
          z.ZodInt
        >,
      )
      .meta({ description: 'How many there are of each state, whatever is asked for' }),
  })
  .meta({ id: 'DeliveryList' });
export type DeliveryList = z.output<typeof DeliveryListSchema>;
export type DeliveryRow = DeliveryList['data'][number];

/** The body of `POST /deliveries/replay`. */
export const ReplayRequestSchema = z
  .strictObject({
    state: optional(state).describe(
      'Those of this state, 1,000 at most; those that ended first come first',
    ),
    cursor: optional(z.string().max(1024)).describe(
      'With `state`: `next_cursor` of the answer before, to go on after those',
    ),
    job_ids: optional(z.array(JobIdSchema).min(1).max(MAX_DELIVERIES)).describe(
      'Those of these jobs, at most 1,000',
    ),
  })
  .refine((body) => (body.state === undefined) !== (body.job_ids === undefined), {
    error: 'must hold either state or job_ids',
  })
  .refine((body) => body.cursor === undefined || body.state !== undefined, {
    error: 'must hold the state with which its cursor was answered',
  })
  .meta({ id: 'ReplayRequest' });
export type ReplayRequest = z.output<typeof ReplayRequestSchema>;

/** The answer of `POST /deliveries/replay`. */
export const ReplayAnswerSchema = z
  .object({
    replayed: z.array(z.string()).describe('The jobs whose callback will be sent again'),
    refused: z
      .array(
        z.object({
          job_id: z.string().describe("The caller's own id of the job"),
          code: z.string().describe('As of a refusal of this job alone'),
          detail: z.string().describe('One sentence that says what is wrong'),
        }),
      )
      .describe('The others, with the reason'),
    has_more: z.boolean().describe('Whether there are more of this state'),
    next_cursor: z.string().nullable().describe('Asks for them, as `cursor` with the same `state`'),
  })
  .meta({ id: 'ReplayAnswer' });
export type ReplayAnswer = z.output<typeof ReplayAnswerSchema>;
