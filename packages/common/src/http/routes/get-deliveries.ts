import type { FastifyInstance } from 'fastify';
import type { Jobs } from '../../controller/jobs.ts';
import { DeliveriesSchema } from '../../requests/deliveries.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';
import { toDeliveriesResponse } from './deliveries-response.ts';
import { JOB_PROBLEMS, type JobParams, Params } from './job-params.ts';
import { toStaleSince } from './stale-since.ts';

/** `GET /train/{job_id}/deliveries`. */
export function registerGetDeliveries(app: FastifyInstance, jobs: Jobs): void {
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
    handler: async ({ params }, reply) => {
      const answer = await jobs.get(params.job_id);
      return { ...toDeliveriesResponse(answer.view.record), ...toStaleSince(answer, reply) };
    },
  });
}
