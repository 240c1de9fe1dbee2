import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTestService, type TestService } from '../start-test-service.ts';
import { LocalFixture } from './local-fixture.ts';

const SECRET = 'hf_a-secret-of-this-job';
let fixture: LocalFixture;
let service: TestService;

beforeEach(async () => {
  fixture = await LocalFixture.create();
  service = await startTestService({ env: fixture.env });
});
afterEach(async () => {
  await service.close();
  await fixture[Symbol.asyncDispose]();
});

const submit = async (jobId: string, standIn: Record<string, unknown>, more = {}) => {
  const { status } = await service.post('/train', fixture.makeBody(jobId, standIn, more));
  expect(status).toBe(200);
};
const until = (jobId: string, status: string) =>
  service.getUntil(jobId, (body) => body.status === status);
const follow = (jobId: string, query = '?follow=true') =>
  fetch(`${service.url}/train/${jobId}/logs${query}`, {
    headers: { accept: 'application/x-ndjson' },
  });
const parse = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
const read = async (jobId: string, query = '') => parse(await (await follow(jobId, query)).text());

test('follows what a run writes until it has ended, masked', async () => {
  const base = { provider: 'meta', model_name: 'meta-llama/Llama-2-7b', huggingface_token: SECRET };
  await submit(
    'job-1',
    { waits: true, output: `one\ntoken=${SECRET}\nthree` },
    { base_model: base },
  );
  const answer = await follow('job-1');
  const { body } = await until('job-1', 'running');
  fixture.release(fixture.findRun(body.backend_job_id));
  const lines = parse(await answer.text());
  expect(lines.map(({ line }) => line)).toEqual(['one', 'token=[redacted]', 'three', undefined]);
  expect(lines[0]).toMatchObject({ node: 0, attempt: 1, time: expect.any(String) });
  expect(Math.abs(Date.parse(lines[0].time) - Date.now())).toBeLessThan(60_000);
  expect(lines.at(-1)).toEqual({
    ...{ end: true, reason: 'JOB_ENDED' },
    archive: `file://${fixture.root}/logs/job-1`,
  });
});

test('reads a log over its rotations, its end alone, and what comes behind a line', async () => {
  const output = Array.from({ length: 3 }, (_, at) => `\nline ${at}`).join('');
  await submit('job-1', { noise_bytes: 17 * 1024 * 1024, output });
  await until('job-1', 'succeeded');
  const all = await read('job-1');
  const noise = all.filter(({ partial }) => partial).map(({ line }) => line.length);
  expect(Math.max(...noise)).toBe(16 * 1024);
  expect(all.slice(-4).map(({ line, reason }) => line ?? reason)).toEqual([
    'line 0',
    'line 1',
    'line 2',
    'JOB_ENDED',
  ]);
  expect(await read('job-1', '?tail=2')).toEqual(all.slice(-3));
  expect(await read('job-1', `?since=${all.at(-4).cursor}`)).toEqual(all.slice(-3));
  // The place of a reader of an earlier job with this id, whose file had the same number.
  const beyond = all.at(-2).cursor.replace(/\d+$/, '999999999');
  expect(await read('job-1', `?since=${beyond}`)).toEqual(all);
  expect(await read('job-1', '?since=2100-01-01T00:00:00Z')).toEqual(all.slice(-1));
  expect(await read('job-1', '?tail=0')).toEqual(all.slice(-1));
}, 60_000);

test('has nothing of other nodes, earlier containers and runs that are gone', async () => {
  await submit('job-1', { outcome: 'never', output: 'one\n' });
  await until('job-1', 'running');
  for (const query of ['?node=1', '?attempt=2', '?previous=true']) {
    expect(await read('job-1', query)).toMatchObject([{ reason: 'RUN_GONE' }]);
  }
  const answer = await follow('job-1');
  await service.post('/train/job-1/cancel');
  expect(parse(await answer.text()).at(-1)).toMatchObject({ end: true });
  await service.getUntil('job-1', ({ status }) => status === 'cancelled');
});

test('notes beside the log when it was how long', async () => {
  await submit('job-1', { output: 'one\n' });
  const { body } = await until('job-1', 'succeeded');
  const folder = fixture.runFolder(fixture.findRun(body.backend_job_id));
  expect(readFileSync(join(folder, 'log.times'), 'utf8')).toMatch(/^0 \d{13}\n/);
});
