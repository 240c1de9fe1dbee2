import type { FastifyReply } from 'fastify';
import { expect, test } from 'vitest';
import { makeConfig } from '../../../test/builders.ts';
import { makeRecord } from '../../../test/make-record.ts';
import type { JobAnswer } from '../../controller/job-views.ts';
import type { JobRecord } from '../../jobs/job.ts';
import type { Progress } from '../../requests/training-response.ts';
import { TrainingResponses } from './training-response.ts';
import { writeTrainingText } from './training-text.ts';

const PLAN = { plan: {}, echo: { kind: 'TrainJob' } } as never;
const progressOf = (percentage: number): Progress => {
  return { percentage, estimated_remaining_seconds: null, metrics: {} };
};

/** Answers about one job; what they read of its record is counted. */
function createResponses({ isAtHand = true, whole = { steps: 7 } as object } = {}) {
  const reruns: string[] = [];
  const responses = new TrainingResponses(makeConfig(), { rerunsOf: () => [...reruns] });
  const headers: Record<string, unknown> = {};
  const reply = {
    header(name: string, value: unknown) {
      headers[name] = value;
      return reply;
    },
  } as unknown as FastifyReply;
  const reads = { plans: 0, results: 0 };
  const describe = async (
    record: JobRecord,
    further: { progress?: Progress; detail?: string; staleSinceMs?: number } = {},
  ) => {
    const { progress, detail, staleSinceMs } = further;
    const answer: JobAnswer = {
      view: { record, state: record.state, progress },
      readPlan: async () => {
        reads.plans += 1;
        return isAtHand ? PLAN : undefined;
      },
      readResult: async () => {
        reads.results += 1;
        return isAtHand ? (whole as never) : undefined;
      },
      staleSinceMs,
    };
    return JSON.parse(writeTrainingText(await responses.describe(answer, reply, detail)));
  };
  return { responses, describe, reads, headers, reruns };
}

test('of a job that has not changed only the progress is written anew', async () => {
  const { describe, reads } = createResponses();
  const record = makeRecord();
  const first = await describe(record, { progress: progressOf(10) });
  const second = await describe(record, { progress: progressOf(20) });
  expect(second).toEqual({ ...first, progress: progressOf(20) });
  expect(second.metadata.job_spec).toEqual({ kind: 'TrainJob' });
  expect(reads.plans).toBe(1);
});

test('a job that has changed is described anew', async () => {
  const { describe, headers } = createResponses();
  const record = makeRecord();
  const { detail } = await describe(record);
  const state = { ...record.state, detail: `${detail}, and more` };
  expect(await describe({ ...record, state })).toMatchObject({ detail: state.detail });
  expect(await describe(record)).toMatchObject({ detail });
  expect(headers.etag).toMatch(/^W\/"\d+"$/);
});

test('a rerun of a job shows though its own record has not changed', async () => {
  const { describe, reruns } = createResponses();
  const record = makeRecord();
  expect(await describe(record)).toMatchObject({ rerun_of: null, reruns: [] });
  reruns.push('again');
  expect(await describe(record)).toMatchObject({ reruns: ['again'] });
  reruns[0] = 'and-again';
  expect(await describe(record)).toMatchObject({ reruns: ['and-again'] });
});

test('what is said once is not said again', async () => {
  const { describe, headers } = createResponses();
  const record = makeRecord();
  const { detail } = await describe(record);
  expect(await describe(record, { detail: 'for once' })).toMatchObject({ detail: 'for once' });
  expect(await describe(record, { staleSinceMs: 1000 })).toMatchObject({
    stale_since: '1970-01-01T00:00:01.000Z',
    detail,
  });
  expect(headers.connection).toBe('close');
  const usual = await describe(record);
  expect(usual.detail).toBe(detail);
  expect(usual).not.toHaveProperty('stale_since');
});

test('what was not at hand is asked for again', async () => {
  const { describe, reads } = createResponses({ isAtHand: false });
  const state = { ...makeRecord().state, status: 'succeeded' as const };
  const record = { ...makeRecord(), state, result: { steps: 7 } };
  for (const count of [1, 2]) {
    expect(await describe(record)).toMatchObject({
      result: { steps: 7 },
      metadata: { job_spec: {} },
    });
    expect(reads).toEqual({ plans: count, results: count });
  }
});

test('the whole result of an end is read once, until the job is gone', async () => {
  const { responses, describe, reads } = createResponses({ whole: { steps: 7, files: ['a'] } });
  const state = { ...makeRecord().state, status: 'succeeded' as const };
  const record = { ...makeRecord(), state, result: { steps: 7 } };
  await describe(record);
  expect(await describe({ ...record })).toMatchObject({ result: { steps: 7, files: ['a'] } });
  expect(reads).toEqual({ plans: 1, results: 1 });
  responses.forget(record.name);
  await describe(record);
  expect(reads).toEqual({ plans: 2, results: 2 });
});
