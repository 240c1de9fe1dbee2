import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Jobs } from '../../controller/jobs.ts';
import { toRevision } from '../../jobs/history.ts';
import { type History, HistorySchema } from '../../requests/history.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';
import { toHistoryEvent } from './history-response.ts';
import { JOB_PROBLEMS, type JobParams, Params } from './job-params.ts';

const Query = z.object({
  after: z.coerce.number().int().min(0).default(0).describe('Only events after this one'),
});

/** `GET /train/{job_id}/events`. */
export function registerGetHistory(app: FastifyInstance, jobs: Jobs): void {
  app.get<JobParams & { Querystring: z.output<typeof Query> }>('/train/:job_id/events', {
    schema: {
      tags: ['jobs'],
      security: TOKEN_SECURITY,
      operationId: 'getHistory',
      summary: 'Show what happened to a job',
      description:
        'States and their reasons, phases, checkpoints and warnings of the training, attempts at the final callback, and who submitted, cancelled and changed. It outlives the credentials, and ends with the job’s record. Some forty events are kept.',
      params: Params,
      querystring: Query,
      response: { 200: HistorySchema.describe('What happened') },
      problems: JOB_PROBLEMS,
    },
    handler: async ({ params, query }): Promise<History> => {
      const { record } = (await jobs.get(params.job_id)).view;
      const events = await jobs.readEvents(record);
      return {
        job_id: record.id,
        revision: Math.max(toRevision(record.history), ...events.map(({ id }) => id)),
        data: events
          .filter(({ id }) => id > query.after)
          .map((event) => toHistoryEvent(record, event)),
      };
    },
  });
}
