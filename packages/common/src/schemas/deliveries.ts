import { z } from 'zod';

const timestamp = z.iso.datetime().nullable();

/** The answer of `GET /train/{job_id}/deliveries`: how the final callback fares. */
export const DeliveriesSchema = z
  .object({
    job_id: z.string(),
    outcome: z
      .enum(['none', 'pending', 'delivered', 'gone', 'expired'])
      .meta({ description: '`none` when the request names no webhook' }),
    attempt_count: z.int(),
    next_attempt_at: timestamp,
    replayed_at: timestamp,
    attempts: z
      .array(
        z.object({
          at: timestamp,
          status: z.int().nullable().meta({ description: 'HTTP status of the answer, if any' }),
          duration_ms: z.number(),
          error: z.string().nullable(),
        }),
      )
      .meta({ description: 'The newest 20, oldest first' }),
  })
  .meta({ id: 'Deliveries' });
export type DeliveriesResponse = z.output<typeof DeliveriesSchema>;
