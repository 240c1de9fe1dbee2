import { setTimeout as delay } from 'node:timers/promises';
import {
  type Followed,
  type FollowedEvent,
  TrainerApiError,
  type TrainerClient,
} from '@trainer/client';
import { defineCommand } from '../command.ts';
import { createClient } from '../create-client.ts';
import { EXIT } from '../exit-codes.ts';
import { toJson, toLine } from '../printable.ts';
import { StatusFilter } from '../status-filter.ts';
import { toStatusText } from '../table.ts';
import { parseTimeout, withTimeout } from '../wait-for-end.ts';

/** After all repetitions of a call; a service may ask for more, and is then not asked before. */
const PAUSE_MS = 1000;

type End = readonly [jobId: string, ending: unknown];

const ENDS: ReadonlySet<unknown> = new Set(['succeeded', 'failed', 'cancelled']);

/**
 * Prints what happens to jobs, one line each. Of jobs that are named, until all have ended; the exit
 * code says whether all have succeeded. Of all jobs, until it is interrupted.
 */
export const watch = defineCommand({
  name: 'watch',
  subjects: ['[ID…]'],
  options: ['status', 'timeout'],
  usage: [
    ['watch [ID…]', 'prints what happens to jobs: to these, until all have ended, or to all'],
  ],
  async run({ subjects: jobIds, status, timeout, json }, { env, stdout, ...context }) {
    const client = createClient(env);
    const signal = withTimeout(context.signal, parseTimeout(timeout));
    // The end of a named job counts whatever statuses are printed, so that its stream leaves out none.
    const isNamed = jobIds.length > 0;
    const printed = new StatusFilter(isNamed ? status : undefined);
    // Nor does the stream judge them then.
    if (isNamed && status) await client.list({ status, limit: 1, signal });
    // One that is not there would be waited for in vain.
    for (const jobId of jobIds) printed.note(await client.get(jobId, { signal }));
    const left = new Set(jobIds);
    let hasFailed = false;
    const tell = (followed: Followed) => {
      for (const [jobId, ending] of endsOf(followed)) {
        if (left.delete(jobId) && ending !== 'succeeded') hasFailed = true;
      }
      const shown = printed.filter(followed);
      const lines = json ? toEvents(shown).map((event) => toJson(event)) : toLines(shown);
      for (const line of lines) stdout.write(`${line}\n`);
    };
    const options = isNamed ? { jobIds } : { ...(status && { status }), fromNow: true };
    for await (const followed of client.follow({ ...options, signal })) {
      tell(followed);
      // What is told from here on leaves out jobs that went meanwhile.
      for (const jobId of followed.kind === 'reset' ? [...left] : []) {
        if (!(await isThere(client, jobId, signal))) tell(toGone(jobId));
      }
      if (isNamed && left.size === 0) break;
    }
    return hasFailed ? EXIT.jobNotSucceeded : EXIT.ok;
  },
});

/** Which jobs have ended by what is told, and how. */
function endsOf(followed: Followed): End[] {
  if (followed.kind === 'jobs') {
    const ended = followed.jobs.filter(({ status }) => ENDS.has(status));
    return ended.map(({ job_id: jobId, status }) => [jobId, status]);
  }
  if (followed.kind !== 'event') return [];
  const { type, job_id: jobId, data } = followed.event;
  if (type === 'job.gone') return [[jobId, 'forgotten']];
  return type === 'job.state' && ENDS.has(data.status) ? [[jobId, data.status]] : [];
}

/** Whether the service knows it; asked for as long as it takes, as the stream is. */
async function isThere(
  client: TrainerClient,
  jobId: string,
  signal: AbortSignal,
): Promise<boolean> {
  for (;;) {
    try {
      await client.get(jobId, { signal });
      return true;
    } catch (error) {
      if (!(error instanceof TrainerApiError)) throw error;
      if (error.code === 'JOB_NOT_FOUND') return false;
      if (!error.isPassing) throw error;
      // It rejects with an error of its own where the signal has the reason.
      await delay(error.retryAfterMs ?? PAUSE_MS, undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
    }
  }
}

/** As a stream that had not broken would have told it. */
function toGone(jobId: string): Followed {
  const time = new Date().toISOString();
  const event: FollowedEvent = {
    ...{ type: 'job.gone', job_id: jobId, time, attempt: null },
    ...{ level: 'info' as const, message: 'The record of the job is gone', data: {} },
    actor: { type: 'system' },
  };
  return { kind: 'event', event };
}

/**
 * The one shape of events for programs, of what is no event as well: how a job is, and that what was
 * told before is to be forgotten.
 */
function toEvents(followed: Followed): object[] {
  if (followed.kind === 'event') return [followed.event];
  const told = { attempt: null, level: 'info', actor: { type: 'system' } };
  if (followed.kind === 'jobs') {
    return followed.jobs.map((job) => {
      const { job_id, detail: message, timestamps } = job;
      const time = timestamps.updated_at;
      return { type: 'job.snapshot', job_id, time, ...told, message, data: job };
    });
  }
  const message = 'All jobs that are watched follow as they are; forget what was told of them';
  const time = new Date().toISOString();
  return [{ type: 'stream.reset', job_id: null, time, ...told, message, data: {} }];
}

function toLines(followed: Followed): string[] {
  if (followed.kind === 'reset') return [];
  if (followed.kind === 'event') return toEventLine(followed.event);
  return followed.jobs.map((job) => {
    const { job_id: jobId, detail, timestamps } = job;
    return toLine(`${timestamps.updated_at ?? ''}  ${jobId}  ${toStatusText(job)}: ${detail}`);
  });
}

/** What an event is about, in a word, where its data has a better one than its type. */
const WORDS: Readonly<Record<string, string>> = { 'job.state': 'status', 'job.phase': 'phase' };

/** What passes is for programs: of several jobs at once it would be all that is seen. */
function toEventLine({ type, time, job_id: jobId, message, data }: FollowedEvent): string[] {
  if (type === 'job.progress' || type === 'job.metrics') return [];
  const what = data[WORDS[type] ?? ''] ?? type.replace(/^job\./, '');
  return [toLine(`${time}  ${jobId}  ${what}: ${message}`)];
}
