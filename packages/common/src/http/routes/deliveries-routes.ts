import type { FastifyInstance } from 'fastify';
import type { Jobs } from '../../controller/jobs.ts';
import type { JobRecord } from '../../jobs/job.ts';
import { toIsoTime } from '../../jobs/job-summary.ts';
import { type DeliveriesResponse, DeliveriesSchema } from '../../requests/deliveries.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';
import { JOB_PROBLEMS, type JobParams, Params, toJobId } from './job-params.ts';

/** The routes that show and repeat the final callback of a job. */
export function registerDeliveriesRoutes(app: FastifyInstance, jobs: Jobs): void {
  app.get<JobParams>('/train/:job_id/deliveries', {
    schema: {
      tags: ['callbacks'],
      security: TOKEN_SECURITY,
      operationId: 'getDeliveries',
      summary: 'Show how the final callback of a job fares',
      params: Params,
      response: { 200: DeliveriesSchema.describe('The attempts at the final callback') },
      problems: JOB_PROBLEMS,
    },
    handler: async ({ params }) => toDeliveries((await jobs.get(toJobId(params))).view.record),
  });

  app.post<JobParams>('/train/:job_id/deliveries/replay', {
    schema: {
      tags: ['callbacks'],
      security: TOKEN_SECURITY,
      operationId: 'replayDeliveries',
      summary: 'Send the newest callback of a job again',
      params: Params,
      description:
        'For a webhook that was down or wrong. A job without a webhook is refused. A body is ignored.',
      response: { 202: DeliveriesSchema.describe('The callback will be sent again') },
      problems: [...JOB_PROBLEMS, 'PAYLOAD_TOO_LARGE'],
    },
    handler: async ({ params }, reply) => {
      reply.code(202);
      return toDeliveries(await jobs.replayCallback(toJobId(params)));
    },
  });
}

function toDeliveries({ id, delivery, hasWebhook }: JobRecord): DeliveriesResponse {
  const { settled, attempts, attemptCount, nextAttemptAtMs, replayedAtMs } = delivery;
  return {
    job_id: id,
    outcome: !hasWebhook || settled === 'unwanted' ? 'none' : (settled ?? 'pending'),
    attempt_count: attemptCount,
    next_attempt_at: toIsoTime(nextAttemptAtMs),
    replayed_at: toIsoTime(replayedAtMs),
    attempts: attempts.map(({ atMs, status, durationMs, error }) => ({
      at: toIsoTime(atMs),
      status: status ?? null,
      duration_ms: durationMs,
      error: error ?? null,
    })),
  };
}
