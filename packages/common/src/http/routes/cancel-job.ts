import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Jobs } from '../../controller/jobs.ts';
import { TrainingResponseSchema } from '../../requests/training-response.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';
import { actorOf, logAsked } from './asked-line.ts';
import { JOB_PROBLEMS, type JobParams, Params } from './job-params.ts';
import type { TrainingResponses } from './training-response.ts';
import { writeTrainingText } from './training-text.ts';

export interface CancelJobParts {
  readonly jobs: Jobs;
  readonly responses: TrainingResponses;
}

const Query = z.object({
  save: z
    .enum(['true', 'false'])
    .optional()
    .describe('`true`: the training saves a checkpoint first, where it takes orders'),
});

/** `POST /train/{job_id}/cancel`. */
export function registerCancelJob(app: FastifyInstance, { jobs, responses }: CancelJobParts): void {
  app.post<JobParams & { Querystring: z.output<typeof Query> }>('/train/:job_id/cancel', {
    schema: {
      tags: ['jobs'],
      security: TOKEN_SECURITY,
      operationId: 'cancelJob',
      summary: 'Cancel a job',
      description:
        'A job that has ended stays as it is; `detail` then says so. With `save=true` it is cancelled at once as well, and its run may save a checkpoint before it is ended, which then appears in `checkpoints`. A body is ignored.',
      params: Params,
      querystring: Query,
      response: { 200: TrainingResponseSchema.describe('The job is cancelled, or had ended') },
      problems: [...JOB_PROBLEMS, 'PAYLOAD_TOO_LARGE'],
    },
    serializerCompiler: () => writeTrainingText,
    handler: async (request, reply) => {
      const { params, query } = request;
      const save = query.save === 'true';
      const { detail, isCancelled, ...answer } = await jobs.cancel(params.job_id, {
        save,
        by: actorOf(request),
      });
      if (isCancelled) logAsked(request, 'job cancelled', answer.view.record, { save });
      return responses.describe(answer, reply, detail);
    },
  });
}
