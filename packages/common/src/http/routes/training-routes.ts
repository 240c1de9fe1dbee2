import type { FastifyInstance } from 'fastify';
import type { BaseTrainerBackend } from '../../backends/base-trainer-backend.ts';
import type { Rule } from '../../backends/rules.ts';
import type { Config } from '../../config.ts';
import type { Jobs } from '../../controller/jobs.ts';
import { TrainingRequestSchema } from '../../requests/training-request.ts';
import { TrainingResponseSchema } from '../../requests/training-response.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';
import { JOB_PROBLEMS, type JobParams, Params, toJobId } from './job-params.ts';
import type { TrainingResponses } from './training-response.ts';

export interface TrainingRoutesParts {
  readonly backend: BaseTrainerBackend;
  readonly furtherRules: readonly Rule[];
  readonly jobs: Jobs;
  readonly config: Config;
  readonly responses: TrainingResponses;
}

const SUBMIT_PROBLEMS = [
  'INVALID_REQUEST',
  'SUBMISSION_REFUSED',
  'JOB_CONFLICT',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'TOO_MANY_JOBS',
] as const;

/** The routes that submit a job and read its state. */
export function registerTrainingRoutes(app: FastifyInstance, parts: TrainingRoutesParts): void {
  const { backend, jobs, config, furtherRules, responses } = parts;

  app.post('/train', {
    schema: {
      tags: ['jobs'],
      security: TOKEN_SECURITY,
      operationId: 'submitJob',
      summary: 'Submit a training job',
      description:
        'Repeating a request creates nothing and answers with the state of its job, so it is safe to send it again after a failure. Sameness is judged without defaults and credentials.',
      body: TrainingRequestSchema,
      response: { 200: TrainingResponseSchema.describe('The job was accepted, now or before') },
      problems: SUBMIT_PROBLEMS,
    },
    handler: async (request, reply) => {
      const submission = backend.prepare(request.body, config, furtherRules);
      const { isReplay, ...answer } = await jobs.submit(submission);
      reply.header('location', `/train/${answer.view.record.id}`);
      if (isReplay) reply.header('idempotent-replayed', 'true');
      return responses.send(reply, answer);
    },
  });

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
    handler: async ({ params }, reply) => responses.send(reply, await jobs.get(toJobId(params))),
  });
}

export function registerCancelRoute(
  app: FastifyInstance,
  { jobs, responses }: Pick<TrainingRoutesParts, 'jobs' | 'responses'>,
): void {
  app.post<JobParams>('/train/:job_id/cancel', {
    schema: {
      tags: ['jobs'],
      security: TOKEN_SECURITY,
      operationId: 'cancelJob',
      summary: 'Cancel a job',
      description: 'A job that has ended stays as it is; `detail` then says so. A body is ignored.',
      params: Params,
      response: { 200: TrainingResponseSchema.describe('The job is cancelled, or had ended') },
      problems: [...JOB_PROBLEMS, 'PAYLOAD_TOO_LARGE'],
    },
    handler: async ({ params }, reply) => {
      const { detail, ...answer } = await jobs.cancel(toJobId(params));
      return responses.send(reply, answer, detail);
    },
  });
}
