import type { FastifyInstance } from 'fastify';
import type { BaseTrainerBackend } from '../backend.ts';
import type { Config } from '../config.ts';
import type { Jobs } from '../controller/jobs.ts';
import type { Rule } from '../rules.ts';
import { TrainingRequestSchema } from '../schemas/training-request.ts';
import { TrainingResponseSchema } from '../schemas/training-response.ts';
import { type JobParams, Params, toJobId } from './job-params.ts';
import { toTrainingResponse } from './training-response.ts';

export interface TrainingRoutesParts {
  readonly backend: BaseTrainerBackend;
  readonly furtherRules: readonly Rule[];
  readonly jobs: Jobs;
  readonly config: Config;
}

/** The routes that clients of the trainer use. */
export function registerTrainingRoutes(app: FastifyInstance, parts: TrainingRoutesParts): void {
  const { backend, jobs, config, furtherRules } = parts;

  app.post('/train', {
    schema: {
      operationId: 'submitJob',
      summary: 'Submit a training job',
      body: TrainingRequestSchema,
      response: { 200: TrainingResponseSchema },
    },
    handler: async (request, reply) => {
      const submission = backend.prepare(request.body, config, furtherRules);
      const { isReplay, ...answer } = await jobs.submit(submission);
      const response = toTrainingResponse(answer, config);
      reply.header('location', `/train/${encodeURIComponent(response.job_id)}`);
      if (isReplay) reply.header('idempotent-replayed', 'true');
      return response;
    },
  });

  app.get<JobParams>('/train/:job_id', {
    schema: {
      operationId: 'getJob',
      summary: 'Read the state of a job',
      params: Params,
      response: { 200: TrainingResponseSchema },
    },
    handler: async ({ params }) => toTrainingResponse(await jobs.get(toJobId(params)), config),
  });

  app.post<JobParams>('/train/:job_id/cancel', {
    schema: {
      operationId: 'cancelJob',
      summary: 'Cancel a job',
      params: Params,
      response: { 200: TrainingResponseSchema },
    },
    handler: async ({ params }) => {
      const { detail, ...answer } = await jobs.cancel(toJobId(params));
      return { ...toTrainingResponse(answer, config), detail };
    },
  });
}
