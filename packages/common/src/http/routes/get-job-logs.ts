import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Clock } from '../../clock.ts';
import type { Jobs } from '../../controller/jobs.ts';
import type { LogQuery } from '../../jobs/log-line.ts';
import type { LogReader } from '../../logs/log-reader.ts';
import {
  LogLineSchema,
  type LogQueryNames,
  LogQuerySchema,
  parseCursor,
} from '../../requests/log-lines.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';
import { logLeaving } from '../plugins/log-leaving.ts';
import { onceClosed } from '../plugins/once-closed.ts';
import type { OpenRequests } from '../plugins/open-requests.ts';
import { JOB_PROBLEMS, type JobParams, Params } from './job-params.ts';
import { chooseLogForm, END_ID, writeLog } from './log-forms.ts';

export interface GetJobLogsParts {
  readonly jobs: Jobs;
  readonly logs: LogReader;
  readonly clock: Clock;
  readonly openRequests: OpenRequests;
}

/** Of what is written and not sent yet. */
const BUFFER_BYTES = 16 * 1024;
const HEADERS = {
  'cache-control': 'no-store',
  vary: 'accept',
  // Otherwise nginx keeps lines back.
  'x-accel-buffering': 'no',
};

/** `GET /train/{job_id}/logs`. */
export function registerGetJobLogs(app: FastifyInstance, parts: GetJobLogsParts): void {
  const { jobs, logs, clock, openRequests } = parts;
  app.addHook('preClose', async () => logs.close());
  app.get<JobParams & { Querystring: LogQueryNames }>('/train/:job_id/logs', {
    config: { isStream: true },
    schema: {
      tags: ['jobs'],
      security: TOKEN_SECURITY,
      operationId: 'getJobLogs',
      summary: 'Show what a job writes, of all its nodes',
      description:
        '`Accept` chooses the form: text, an object a line (`application/x-ndjson`), or Server-Sent Events (`text/event-stream`; `Last-Event-ID` does as `since`). Credentials are masked. The last object, `{"end": true, "reason": "POD_GONE", "archive": "s3://…"}`, says why the log ends and where the whole of it lies; blank lines and comments are heartbeats. A log that is not read waits, and costs nothing.',
      params: Params,
      querystring: LogQuerySchema,
      reads: {
        'Last-Event-ID':
          'The `id` of the line that was read last, which goes before `since`; that of the last object is answered with 204',
      },
      produces: ['text/plain', 'application/x-ndjson', 'text/event-stream'],
      response: {
        200: LogLineSchema.describe('One after the other, and at last why there are no more'),
        204: z.null().describe('`Last-Event-ID` is that of the last object: nothing more comes'),
      },
      problems: [...JOB_PROBLEMS, 'TOO_MANY_READERS'],
    },
    handler: async (request, reply) => {
      const { method, params, query, headers } = request;
      const { record } = (await jobs.get(params.job_id)).view;
      const lastId = headers['last-event-id'];
      if (lastId === END_ID) return reply.code(204).send();
      const form = chooseLogForm(headers.accept);
      reply.headers(HEADERS).type(form.contentType);
      if (method === 'HEAD') return reply.send();
      logLeaving(request, reply);
      const wanted = toLogQuery(query, lastId);
      const gone = new AbortController();
      const cut = new AbortController();
      const unwatch = openRequests.watch(request, { end: () => cutOff(reply, cut) });
      onceClosed(reply.raw, () => {
        unwatch();
        gone.abort();
      });
      const signals = { gone: gone.signal, cut: cut.signal };
      const opened = await logs.open(record, wanted, signals).catch((error: unknown) => {
        if (!gone.signal.aborted) throw error;
        request.log.debug({ err: error }, 'log opened for nobody');
      });
      // Who left is answered no more, and what came of that is no failure.
      if (opened === undefined) return reply.hijack();
      const { items, archive } = opened;
      const text = writeLog(items, form, archive, wanted.after, clock);
      const options = { objectMode: false, highWaterMark: BUFFER_BYTES };
      return reply.send(Readable.from(flushed(reply, text), options));
    },
  });
}

/** Says so as the last word, except to who does not take what was said before. */
function cutOff({ raw }: FastifyReply, cut: AbortController): void {
  cut.abort();
  if (raw.writableNeedDrain) raw.destroy();
}

/** Its reader learns at once that it is open, however long nothing is written. */
async function* flushed(reply: FastifyReply, text: AsyncIterable<string>): AsyncGenerator<string> {
  reply.raw.flushHeaders();
  yield* text;
}

function toLogQuery(query: LogQueryNames, lastId: string | string[] | undefined): LogQuery {
  const { tail, node, attempt, since } = query;
  const cursor = typeof lastId === 'string' ? parseCursor(lastId) : undefined;
  const after = cursor ?? (since === undefined ? undefined : parseCursor(since));
  return {
    follow: query.follow === 'true',
    previous: query.previous === 'true',
    ...{ node, attempt },
    // What comes after a line is wanted whole.
    tail: after === undefined ? tail : undefined,
    sinceMs: after === undefined && since !== undefined ? Date.parse(since) : undefined,
    after: after ?? new Map(),
  };
}
