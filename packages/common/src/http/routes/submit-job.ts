import type { FastifyInstance, FastifyReply } from 'fastify';
import type { BaseTrainerBackend } from '../../backends/base-trainer-backend.ts';
import type { Rule } from '../../backends/rules.ts';
import type { Config } from '../../config.ts';
import type { JobAnswer } from '../../controller/job-views.ts';
import type { Jobs } from '../../controller/jobs.ts';
import { errors } from '../../errors.ts';
import { TrainingRequestSchema } from '../../requests/training-request.ts';
import { TrainingResponseSchema } from '../../requests/training-response.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';
import { actorOf, logAsked } from './asked-line.ts';
import type { TrainingResponses } from './training-response.ts';
import { writeTrainingText } from './training-text.ts';

export interface SubmitJobParts {
  readonly backend: BaseTrainerBackend;
  readonly furtherRules: readonly Rule[];
  readonly jobs: Jobs;
  readonly config: Config;
  readonly responses: TrainingResponses;
}

/** Says where an accepted job is, and whether it was there before. */
export function writeAcceptance(reply: FastifyReply, { view }: JobAnswer, isReplay: boolean): void {
  reply.header('location', `/train/${view.record.id}`);
  if (isReplay) reply.header('idempotent-replayed', 'true');
}

/** `POST /train`. */
export function registerSubmitJob(app: FastifyInstance, parts: SubmitJobParts): void {
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
      problems: [
        'INVALID_REQUEST',
        'SUBMISSION_REFUSED',
        'JOB_CONFLICT',
        'PAYLOAD_TOO_LARGE',
        'UNSUPPORTED_MEDIA_TYPE',
        'TOO_MANY_JOBS',
      ],
    },
    // The backend parses the body, since it reports all violations of schema and rules together.
    validatorCompiler: () => (body) => ({ value: body }),
    serializerCompiler: () => writeTrainingText,
    handler: async (request, reply) => {
      const by = actorOf(request);
      const examined = backend.examine(request.body, config, furtherRules);
      const { violations, toSubmission, toIdentity } = examined;
      if (toSubmission === undefined) {
        // What was taken once, by an earlier version or under other settings, stays safe to repeat.
        const replayed = toIdentity && (await jobs.replayRequest(toIdentity(), by));
        if (replayed === undefined) throw errors.invalid(violations);
        writeAcceptance(reply, replayed, true);
        return responses.describe(replayed, reply);
      }
      const { isReplay, ...answer } = await jobs.submit(toSubmission(), by);
      if (!isReplay) logAsked(request, 'job accepted', answer.view.record);
      writeAcceptance(reply, answer, isReplay);
      return responses.describe(answer, reply);
    },
  });
}
