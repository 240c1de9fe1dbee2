import type { FastifyInstance } from 'fastify';
import type { Jobs } from '../../controller/jobs.ts';
import { TrainingResponseSchema } from '../../requests/training-response.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';
import { JOB_PROBLEMS, type JobParams, Params } from './job-params.ts';
import { type TrainingResponses, writeTrainingResponse } from './training-response.ts';

export interface GetJobParts {
  readonly jobs: Jobs;
  readonly responses: TrainingResponses;
}

/** `GET /train/{job_id}`. */
export function registerGetJob(app: FastifyInstance, { jobs, responses }: GetJobParts): void {
  app.get<JobParams>('/train/:job_id', {
    schema: {
      tags: ['jobs'],
      security: TOKEN_SECURITY,
      operationId: 'getJob',
      summary: 'Read the state of a job',
      params: Params,
      response: { 200: TrainingResponseSchema.describe('The latest state of the job') },
      problems: JOB_PROBLEMS,
    },
    serializerCompiler: () => writeTrainingResponse,
    handler: async ({ params }, reply) => responses.describe(await jobs.get(params.job_id), reply),
  });
}
