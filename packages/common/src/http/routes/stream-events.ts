import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Clock } from '../../clock.ts';
import type { ChangeLog } from '../../controller/change-log.ts';
import type { JobFeed } from '../../controller/job-feed.ts';
import type { Jobs } from '../../controller/jobs.ts';
import { repeatable } from '../../requests/field.ts';
import { JobIdSchema, JobStatusSchema } from '../../requests/job-status.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';
import { STREAM_TYPE } from '../plugins/event-stream.ts';
import type { OpenStreams } from '../plugins/open-streams.ts';
import { EventTexts } from './event-texts.ts';
import { PassingSampler } from './passing-sampler.ts';
import { streamJobs } from './stream-jobs.ts';

const MAX_JOB_IDS = 200;

const Query = z.object({
  job_id: repeatable(z.array(JobIdSchema).max(MAX_JOB_IDS)).describe(
    'Only this job; may be given several times',
  ),
  status: repeatable(z.array(JobStatusSchema)).describe(
    'Only jobs of this status, and those that leave it; may be given several times',
  ),
  after: z
    .string()
    .max(256)
    .optional()
    .describe('As `Last-Event-ID`: goes on there; `0` begins with all jobs as they are'),
});

export interface StreamEventsParts {
  readonly jobs: Jobs;
  readonly feed: JobFeed;
  readonly changes: ChangeLog;
  readonly streams: OpenStreams;
  readonly clock: Clock;
}

/** `GET /events`. */
export function registerStreamEvents(app: FastifyInstance, parts: StreamEventsParts): void {
  const { jobs, feed, streams, clock } = parts;
  const texts = new EventTexts(jobs, feed, clock);
  const sampler = new PassingSampler(jobs, clock);
  app.get<{ Querystring: z.output<typeof Query> }>('/events', {
    schema: {
      tags: ['jobs'],
      security: TOKEN_SECURITY,
      operationId: 'streamEvents',
      summary: 'Follow many jobs',
      description:
        'The events of all jobs, or of some, from now on or after the place that `Last-Event-ID` names, on any replica. Where that place is not known any more, `stream.reset` and the jobs as they are (`stream.jobs`, a hundred rows each) come first. `job.gone` says that the record of a job is gone.',
      querystring: Query,
      reads: { 'Last-Event-ID': 'The `id` of the event that was read last; goes before `after`' },
      produces: ['text/event-stream'],
      response: { 200: z.string().meta({ description: 'Server-Sent Events' }) },
      problems: ['INVALID_REQUEST'],
    },
    handler: async (request, reply) => {
      const { query, headers, method } = request;
      if (method === 'HEAD') return reply.type(STREAM_TYPE).send('');
      const given = headers['last-event-id'];
      const cursor = typeof given === 'string' && given !== '' ? given : query.after;
      const followed = {
        jobIds: query.job_id && new Set(query.job_id),
        statuses: query.status && new Set(query.status),
      };
      await streams.run(request, reply, {
        kind: 'jobs',
        follow: (stream) => streamJobs({ ...parts, texts, sampler }, followed, { stream, cursor }),
      });
      return reply;
    },
  });
}
