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
      description: 'Newest first, a page at a time. It asks nobody, so it may be called often.',
      querystring: JobListQuerySchema,
      response: { 200: JobListSchema.describe('Some of the jobs, and how many there are') },
      problems: ['INVALID_REQUEST'],
    },
    preValidation: async (request) => {
      request.query = foldLabels(request.query);
    },
    handler: async ({ query }, reply) => {
      const { views, nextCursor, counts, ...staleness } = await jobs.list(query);
      return {
        data: views.map((view) => toJobRow(view, jobs)),
        has_more: nextCursor !== undefined,
        next_cursor: nextCursor ?? null,
        counts,
        ...toStaleSince(staleness, reply),
      };
    },
  });
}

// Zod leaves this one key out of every record, so that its filter would show all jobs.
const LABEL = /^label\[(?!__proto__\])(.+)\]$/;

/** `label[team]=x` as OpenAPI's style `deepObject` means it: `{label: {team: 'x'}}`. */
function foldLabels<T extends object>(query: T): T {
  const names = Object.keys(query).filter((name) => LABEL.test(name));
  if (names.length === 0) return query;
  const entries = Object.entries(query);
  const others = entries.filter(([name]) => !names.includes(name));
  const label = names.map((name) => [LABEL.exec(name)?.[1], query[name as keyof T]]);
  return { ...Object.fromEntries(others), label: Object.fromEntries(label) } as T;
}
