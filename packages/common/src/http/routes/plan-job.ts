import type { FastifyInstance } from 'fastify';
import { planRequest } from '../../plans/plan-request.ts';
import { type PlanAnswer, PlanSchema } from '../../requests/plan.ts';
import { TrainingRequestSchema } from '../../requests/training-request.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';
import { compileAllButBody } from '../plugins/validation.ts';
import type { SubmitJobParts } from './submit-job.ts';

/** `POST /plans`. */
export function registerPlanJob(
  app: FastifyInstance,
  { backend, jobs, config, furtherRules }: Omit<SubmitJobParts, 'responses'>,
): void {
  app.post('/plans', {
    schema: {
      tags: ['jobs'],
      security: TOKEN_SECURITY,
      operationId: 'planJob',
      summary: 'Tell what would become of a request',
      description:
        'Takes the body of `POST /train` and creates nothing. Any body that is one JSON object is answered with 200: all that is wrong with it, the warnings, the request with its defaults, its TrainJob, what the cluster says of that in a dry run, and how much memory of each GPU the training would take.',
      body: TrainingRequestSchema,
      response: { 200: PlanSchema.describe('What `POST /train` would make of it') },
      problems: ['INVALID_REQUEST', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'],
    },
    // As with a submission, the backend reports all violations of a body together.
    validatorCompiler: compileAllButBody,
    handler: ({ body }): Promise<PlanAnswer> =>
      planRequest(backend, backend.examine(body, config, furtherRules), (submission) =>
        jobs.plan(submission),
      ),
  });
}
