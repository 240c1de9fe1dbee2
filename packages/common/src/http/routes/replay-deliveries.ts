import type { FastifyInstance } from 'fastify';
import type { Jobs } from '../../controller/jobs.ts';
import { DeliveriesSchema } from '../../requests/deliveries.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';
import { actorOf, logAsked } from './asked-line.ts';
import { toDeliveriesResponse } from './deliveries-response.ts';
import { JOB_PROBLEMS, type JobParams, Params } from './job-params.ts';

/** `POST /train/{job_id}/deliveries/replay`. */
export function registerReplayDeliveries(app: FastifyInstance, jobs: Jobs): void {
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
      problems: [...JOB_PROBLEMS, 'REPLAY_REFUSED', 'PAYLOAD_TOO_LARGE'],
    },
    handler: async (request, reply) => {
      const record = await jobs.replayCallback(request.params.job_id, actorOf(request));
      logAsked(request, 'callback replayed', record);
      reply.code(202);
      return toDeliveriesResponse(record);
    },
  });
}
