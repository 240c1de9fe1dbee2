import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Jobs } from '../../controller/jobs.ts';
import { toRevision } from '../../jobs/history.ts';
import { type History, HistorySchema } from '../../requests/history.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';
import type { OpenStreams } from '../plugins/open-streams.ts';
import { toHistoryEvent } from './history-response.ts';
import { JOB_PROBLEMS, type JobParams, Params } from './job-params.ts';
import { type StreamJobParts, streamJob } from './stream-job.ts';
import { wantsStream } from './wants-stream.ts';

export interface GetHistoryParts extends StreamJobParts {
  readonly jobs: Jobs;
  readonly streams: OpenStreams;
}

const Query = z.object({
  after: z.coerce
    .number()
    .int()
    .min(0)
    .default(0)
    .describe('Only events after this one; all where there is none of that number yet'),
});

/** `GET /train/{job_id}/events`. */
export function registerGetHistory(
  app: FastifyInstance,
  { streams, ...parts }: GetHistoryParts,
): void {
  const { jobs, feed } = parts;
  app.get<JobParams & { Querystring: z.output<typeof Query> }>('/train/:job_id/events', {
    schema: {
      tags: ['jobs'],
      security: TOKEN_SECURITY,
      operationId: 'getHistory',
      summary: 'Show what happened to a job, or follow it',
      description:
        'States and their reasons, phases, checkpoints and warnings of the training, attempts at the final callback, and who submitted, cancelled and changed. It outlives the credentials, and ends with the job’s record. Some forty events are kept. With `Accept: text/event-stream` it goes on as Server-Sent Events while the job does: `Last-Event-ID` is the same as `after`, and where there is nothing left to tell the answer is 204.',
      params: Params,
      querystring: Query,
      reads: {
        'Last-Event-ID':
          'As a stream: the `id` of the event that was read last, which goes before `after`',
      },
      produces: ['application/json', 'text/event-stream'],
      response: {
        200: HistorySchema.describe(
          'What happened; as a stream, a `HistoryEvent` in each Server-Sent Event',
        ),
        204: z.null().describe('As a stream: the job is over, and nothing more comes'),
      },
      problems: JOB_PROBLEMS,
    },
    handler: async (request, reply): Promise<History | undefined> => {
      const { params, headers, method } = request;
      const { view } = await jobs.get(params.job_id);
      const { record } = view;
      if (!wantsStream(headers.accept) || method === 'HEAD') {
        const events = await jobs.readEvents(record);
        const revision = Math.max(toRevision(record.history), ...events.map(({ id }) => id));
        const after = toAfter(request.query.after, revision);
        return {
          job_id: record.id,
          revision,
          data: events.filter(({ id }) => id > after).map((event) => toHistoryEvent(record, event)),
        };
      }
      const revision = toRevision(record.history);
      const asked = readEventId(headers['last-event-id']) ?? request.query.after;
      const after = toAfter(asked, revision);
      if (after === revision && feed.isOver(record)) return reply.code(204).send();
      // What cannot be read now is a problem document, not a stream that ends at once.
      await feed.readEvents(record, after);
      await streams.run(request, reply, {
        kind: 'job',
        follow: (stream) => streamJob(parts, view, { stream, after }),
      });
      return undefined;
    },
  });
}

/** After which event a reader goes on: one from the future is of an earlier job with this id. */
function toAfter(asked: number, revision: number): number {
  return asked > revision ? 0 : asked;
}

/** The revision that a reader was told last; what is no number is none of ours. */
function readEventId(header: string | string[] | undefined): number | undefined {
  return typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : undefined;
}
