import type { FastifyInstance } from 'fastify';
import type { Jobs } from '../../controller/jobs.ts';
import { toDeliveryState } from '../../controller/list-deliveries.ts';
import type { JobRecord } from '../../jobs/job.ts';
import { toIsoTime } from '../../jobs/job-summary.ts';
import {
  type DeliveryList,
  DeliveryListSchema,
  type DeliveryQuery,
  DeliveryQuerySchema,
  type DeliveryRow,
} from '../../requests/delivery-list.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';

const DEFAULT_LIMIT = 50;

/** `GET /deliveries`. */
export function registerListDeliveries(app: FastifyInstance, jobs: Jobs): void {
  app.get<{ Querystring: DeliveryQuery }>('/deliveries', {
    schema: {
      tags: ['callbacks'],
      security: TOKEN_SECURITY,
      operationId: 'listDeliveries',
      summary: 'List the final callbacks of all jobs',
      description:
        'Of jobs with a webhook that have ended, and of those whose webhook asked not to be called any more (410). Read from what this replica knows, without a call to the cluster.',
      querystring: DeliveryQuerySchema,
      response: { 200: DeliveryListSchema.describe('One page of them') },
      problems: ['INVALID_REQUEST'],
    },
    handler: async ({ query }): Promise<DeliveryList> => {
      const { state: states, limit = DEFAULT_LIMIT, cursor } = query;
      const { records, nextCursor, counts } = jobs.listDeliveries({ states, limit, cursor });
      return {
        data: records.map(toRow),
        has_more: nextCursor !== undefined,
        next_cursor: nextCursor ?? null,
        counts,
      };
    },
  });
}

function toRow(record: JobRecord): DeliveryRow {
  const { id, name, webhookOrigin, delivery, state } = record;
  const { attemptCount, attempts, nextAttemptAtMs, replayedAtMs } = delivery;
  const last = attempts.at(-1);
  return {
    job_id: id,
    backend_job_id: name,
    state: toDeliveryState(record) ?? 'pending',
    origin: webhookOrigin ?? null,
    attempt_count: attemptCount,
    last_status: last?.status ?? null,
    last_error: last?.error ?? null,
    next_attempt_at: toIsoTime(nextAttemptAtMs),
    replayed_at: toIsoTime(replayedAtMs),
    ended_at: toIsoTime(state.endedAtMs),
  };
}
