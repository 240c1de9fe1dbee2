import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Jobs } from '../../controller/jobs.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';
import { logAsked } from './asked-line.ts';
import { JOB_PROBLEMS, type JobParams, Params } from './job-params.ts';

const Query = z.object({
  force: z
    .enum(['true', 'false'])
    .optional()
    .describe('`true`: gives up a final callback that is not delivered yet, and nothing else'),
});

/** `DELETE /train/{job_id}`. */
export function registerForgetJob(app: FastifyInstance, jobs: Jobs): void {
  app.delete<JobParams & { Querystring: z.output<typeof Query> }>('/train/:job_id', {
    schema: {
      tags: ['jobs'],
      security: TOKEN_SECURITY,
      operationId: 'forgetJob',
      summary: 'Forget a job that has ended',
      description:
        'Deletes the job, its credentials and what is left of its run; what it wrote to its output stays. Its id is free then. A job that has not ended is refused: cancel it first. A body is ignored.',
      params: Params,
      querystring: Query,
      response: { 204: z.null().describe('The job is forgotten') },
      problems: [
        ...JOB_PROBLEMS,
        'JOB_NOT_ENDED',
        'JOB_BEING_STOPPED',
        'CALLBACK_UNDELIVERED',
        'PAYLOAD_TOO_LARGE',
      ],
    },
    handler: async (request, reply) => {
      const { params, query } = request;
      const dropsCallback = query.force === 'true';
      const record = await jobs.forget(params.job_id, { dropsCallback });
      logAsked(request, 'job forgotten', record, { force: dropsCallback });
      return reply.code(204).send();
    },
  });
}
