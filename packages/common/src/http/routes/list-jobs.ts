import type { FastifyInstance } from 'fastify';
import type { Jobs } from '../../controller/jobs.ts';
import { type JobListQuery, JobListQuerySchema, JobListSchema } from '../../requests/job-list.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';
import { toJobRow } from './job-row.ts';
import { toStaleSince } from './stale-since.ts';

/** `GET /train`. */
export function registerListJobs(app: FastifyInstance, jobs: Jobs): void {
  app.get<{ Querystring: JobListQuery }>('/train', {
    schema: {
      tags: ['jobs'],
      security: TOKEN_SECURITY,
      operationId: 'listJobs',
      summary: 'List jobs',
      description:
        'Newest first, a page at a time. It asks nobody, so it may be called often. A query name that is not listed here is refused.',
      querystring: JobListQuerySchema,
      response: { 200: JobListSchema.describe('Some of the jobs, and how many there are') },
      problems: ['INVALID_REQUEST'],
    },
    handler: async ({ query }, reply) => {
      const { views, nextCursor, counts, ...staleness } = jobs.list(query);
      return {
        data: views.map(toJobRow),
        has_more: nextCursor !== undefined,
        next_cursor: nextCursor ?? null,
        counts,
        ...toStaleSince(staleness, reply),
      };
    },
  });
}
