import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStream, type WireEvent } from '../http/read-stream.ts';
import { LocalFixture } from './local-fixture.ts';
import { type ServiceProcess, startServiceProcess } from './service-process.ts';

let fixture: LocalFixture;
let service: ServiceProcess;
const start = () => startServiceProcess(fixture.env);

beforeEach(async () => {
  fixture = await LocalFixture.create();
  service = await start();
});
afterEach(async () => {
  await service.kill();
  await fixture[Symbol.asyncDispose]();
});

const REPORT = {
  phase: 'saving',
  step: 3,
  percentage: 42,
  metrics: [{ step: 3, values: { loss: 1 } }],
};
const isStored = ({ data }: WireEvent) => data?.id !== undefined;
const isStatus = (status: string) => (event: WireEvent) => event.data?.data?.status === status;
const follow = (jobId: string, after?: string) =>
  openStream(`${service.url}/train/${jobId}/events`, after ? { 'last-event-id': after } : {});
const followAll = (cursor?: string) =>
  openStream(`${service.url}/events`, cursor ? { 'last-event-id': cursor } : {});
const submit = (jobId: string) =>
  service.post('/train', fixture.makeBody(jobId, { waits: true, report: REPORT }));

async function release(jobId: string) {
  const { body } = await service.getUntil(jobId, ({ status }) => status === 'running');
  fixture.release(fixture.findRun(body.backend_job_id));
}

test('a reader of one job and one of many see its whole life, in order', async () => {
  await using many = await followAll();
  const { id: cursor } = (await many.next(({ id }) => id !== undefined)) ?? {};
  await submit('lived');
  await using one = await follow('lived');
  const first = await one.next(({ event }) => event === 'job.metrics');
  expect(first?.data.data.metrics).toMatchObject({ loss: expect.any(Number) });
  await release('lived');
  await one.rest();
  // What passed before it is told from its history.
  await using again = await follow('lived');
  const told = await again.rest();
  expect(told.at(-1)).toMatchObject({ event: 'stream.end', data: { reason: 'JOB_ENDED' } });
  const stored = told.filter(isStored);
  expect(stored.map(({ id }) => id)).toEqual(stored.map((_, index) => String(index + 1)));
  expect(stored.at(-1)?.data.data.status).toBe('succeeded');
  expect(stored.map(({ event }) => event)).toContain('job.phase');
  await using over = await follow('lived', stored.at(-1)?.id);
  expect(over.status).toBe(204);

  const seen: unknown[] = [];
  while (seen.length < stored.length) seen.push((await many.next(isStored))?.data);
  expect(seen).toEqual(stored.map(({ data }) => data));
  await using missed = await followAll(cursor);
  expect((await missed.next(isStored))?.data).toEqual(stored[0]?.data);
});

test('readers go on where they were when the service is killed and another one comes', async () => {
  await using many = await followAll();
  const { id: cursor } = (await many.next(({ id }) => id !== undefined)) ?? {};
  await submit('survives');
  await using one = await follow('survives');
  const running = await one.next(isStatus('running'));
  await service.kill();
  await one.rest().catch(() => {});
  service = await start();

  await using resumed = await follow('survives', running?.id);
  await using reset = await followAll(cursor);
  expect((await reset.next())?.event).toBe('stream.reset');
  expect((await reset.next())?.data.data).toMatchObject([
    { job_id: 'survives', status: 'running' },
  ]);
  await reset.next(({ id }) => id !== undefined);
  await release('survives');
  const rest = (await resumed.rest()).filter(isStored);
  const last = Number(running?.id);
  expect(rest.map(({ id }) => Number(id))).toEqual(rest.map((_, index) => last + 1 + index));
  expect(rest.at(-1)?.data.data.status).toBe('succeeded');
  expect((await reset.next(isStatus('succeeded')))?.data).toEqual(rest.at(-1)?.data);
});
