import { z } from 'zod';

const timestamp = z.iso.datetime().nullable();

/** The answer of `GET /train/{job_id}/deliveries`: how the final callback fares. */
export const DeliveriesSchema = z
  .object({
    job_id: z.string().describe("The caller's own id of the job"),
    outcome: z
      .enum(['none', 'pending', 'delivered', 'gone', 'expired'])
      .meta({ description: '`none` when the request names no webhook' }),
    attempt_count: z.int().describe('POSTs of the final callback so far'),
    next_attempt_at: timestamp.describe('When the next is due, if one is'),
    replayed_at: timestamp.describe('When a replay was last asked for'),
    stale_since: timestamp
      .optional()
      .describe(
        'Given while the cluster cannot be reached: since when changes may be missing here',
      ),
    attempts: z
      .array(
        z.object({
          at: timestamp.describe('When it was made'),
          event: z.enum(['final', 'update']).meta({
            description: 'Of which event; of updates only one that was answered 410 is kept',
          }),
          status: z.int().nullable().meta({ description: 'HTTP status of the answer, if any' }),
          duration_ms: z.number().describe('How long the webhook took'),
          error: z.string().nullable().describe('What went wrong, if anything did'),
        }),
      )
      .meta({ description: 'The newest 20, oldest first' }),
  })
  .meta({ id: 'Deliveries' });
export type DeliveriesResponse = z.output<typeof DeliveriesSchema>;
