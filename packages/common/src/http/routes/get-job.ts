import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Random } from '../../backoff.ts';
import type { Jobs } from '../../controller/jobs.ts';
import { TrainingResponseSchema } from '../../requests/training-response.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';
import type { HeldRequests } from '../plugins/held-requests.ts';
import { JOB_PROBLEMS, type JobParams, Params } from './job-params.ts';
import { readRevisionTag, writeRevisionTag } from './revision-tag.ts';
import type { TrainingResponses } from './training-response.ts';
import { writeTrainingText } from './training-text.ts';

export interface GetJobParts {
  readonly jobs: Jobs;
  readonly responses: TrainingResponses;
  readonly held: HeldRequests;
  readonly random: Random;
}

/** Below the minute after which proxies give up. */
const MAX_WAIT_SECONDS = 50;
/** So that those who came together, as after an outage, do not come back together. */
const JITTER = 0.1;

const Query = z.object({
  wait: z.coerce
    .number()
    .min(0)
    .max(MAX_WAIT_SECONDS)
    .default(0)
    .describe('With `after` or `If-None-Match`: for so many seconds an answer waits for news'),
  after: z.coerce.number().int().min(0).optional().describe('The `revision` of the answer before'),
});

/** `GET /train/{job_id}`. */
export function registerGetJob(
  app: FastifyInstance,
  { jobs, responses, held, random }: GetJobParts,
): void {
  app.get<JobParams & { Querystring: z.output<typeof Query> }>('/train/:job_id', {
    schema: {
      tags: ['jobs'],
      security: TOKEN_SECURITY,
      operationId: 'getJob',
      summary: 'Read the state of a job',
      description:
        'At once, or as a long poll: with `wait` and `after` (or `If-None-Match` with the `ETag` of the answer before) it is answered when the job has another revision, and with 304 when the time is over.',
      params: Params,
      querystring: Query,
      reads: {
        'If-None-Match':
          'With `wait`: the `ETag` of the answer before, which does as `after`; without `wait` it is not looked at',
      },
      response: {
        200: TrainingResponseSchema.describe('The latest state of the job'),
        304: z.null().describe('The time of `wait` is over, and the job has the same revision'),
      },
      problems: JOB_PROBLEMS,
    },
    serializerCompiler: () => writeTrainingText,
    handler: async (request, reply) => {
      const { query, headers } = request;
      const { job_id: jobId } = request.params;
      const { wait, after = readRevisionTag(headers['if-none-match']) } = query;
      if (wait > 0 && after !== undefined) {
        const timeoutMs = wait * 1000 * (1 - JITTER * random());
        const hasNews = await held.hold(request, reply, (signal) =>
          jobs.awaitRevision(jobId, { after, timeoutMs, signal }),
        );
        if (!hasNews) return reply.code(304).header('etag', writeRevisionTag(after)).send();
      }
      return responses.describe(await jobs.get(jobId), reply);
    },
  });
}
