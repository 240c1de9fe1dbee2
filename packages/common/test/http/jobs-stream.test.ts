import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../fake-clock.ts';
import { makeRequest, startTestService, type TestService } from '../start-test-service.ts';
import { type OpenedStream, openStream, type WireEvent } from './read-stream.ts';

const NEVER = { extra_parameters: { mock: { submitted_seconds: 3600 } } };
const RUNNING = { extra_parameters: { mock: { submitted_seconds: 0, running_seconds: 100 } } };

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

const submit = (job_id: string, changes: object = NEVER) =>
  service.post('/train', makeRequest({ job_id, ...changes }));
const cancel = (jobId: string) => service.post(`/train/${jobId}/cancel`);
const isCursor = ({ id }: WireEvent) => id !== undefined;

/** Opens a stream and waits until it follows; with the cursor of that moment. */
async function follow(query = '', headers: Record<string, string> = {}) {
  const stream = await openStream(`${service.url}/events${query}`, headers);
  const first = await stream.next(isCursor);
  return { stream, cursor: first?.id ?? '' };
}

async function take(stream: OpenedStream, count: number) {
  const told: unknown[] = [];
  while (told.length < count) {
    const event = await stream.next();
    if (event === undefined) break;
    told.push([event.event, event.data.job_id, event.data.data?.status]);
  }
  return told;
}

describe('the stream of many jobs', () => {
  it('tells what happens to all of them from now on, until their records go', async () => {
    await submit('before');
    await using stream = (await follow()).stream;
    expect(stream.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    await submit('all-1');
    await cancel('before');
    await service.request('/train/before', { method: 'DELETE' });
    expect(await take(stream, 3)).toEqual([
      ['job.state', 'all-1', 'submitted'],
      ['job.state', 'before', 'cancelled'],
      ['job.gone', 'before', undefined],
    ]);
    const { body } = await service.request('/train/all-1/events');
    await using again = (await follow('?after=0')).stream;
    await cancel('all-1');
    expect((await again.next())?.data).toEqual({
      ...body.data[0],
      id: 2,
      time: expect.any(String),
      message: 'Job cancellation requested',
      data: { status: 'cancelled', reason: 'CANCELLED_BY_REQUEST' },
    });
  });

  it('goes on after a cursor, and starts with all jobs where it cannot', async () => {
    const { stream, cursor } = await follow();
    await stream[Symbol.asyncDispose]();
    await submit('missed-1');
    await submit('missed-2');
    await cancel('missed-1');
    await using resumed = await openStream(`${service.url}/events`, { 'last-event-id': cursor });
    expect(await take(resumed, 3)).toEqual([
      ['job.state', 'missed-1', 'submitted'],
      ['job.state', 'missed-2', 'submitted'],
      ['job.state', 'missed-1', 'cancelled'],
    ]);
    for (const headers of [{ 'last-event-id': 'of-another-life' }, { 'last-event-id': '../..' }]) {
      await using reset = await openStream(`${service.url}/events?job_id=missed-2`, headers);
      expect((await reset.next())?.event).toBe('stream.reset');
      const rows = (await reset.next())?.data.data;
      expect(rows).toMatchObject([{ job_id: 'missed-2', status: 'submitted', reason: 'ACCEPTED' }]);
      expect((await reset.next(isCursor))?.id).toBeTruthy();
    }
  });

  it('tells of some jobs only, and of those that leave a status', async () => {
    await submit('some-1');
    await submit('some-2');
    await using some = (await follow('?job_id=some-1&job_id=some-3')).stream;
    await using waiting = (await follow('?status=submitted')).stream;
    await using cancelled = (await follow('?status=cancelled')).stream;
    await cancel('some-2');
    await submit('some-3');
    await cancel('some-1');
    const ends = [
      ['job.state', 'some-3', 'submitted'],
      ['job.state', 'some-1', 'cancelled'],
    ];
    expect(await take(some, 2)).toEqual(ends);
    expect(await take(waiting, 3)).toEqual([['job.state', 'some-2', 'cancelled'], ...ends]);
    expect(await take(cancelled, 2)).toEqual([
      ['job.state', 'some-2', 'cancelled'],
      ['job.state', 'some-1', 'cancelled'],
    ]);
  });

  it('refuses what would widen it', async () => {
    const queries = [
      '?jobid=a',
      '?status=ended',
      '?job_id=',
      `?job_id=${'a&job_id='.repeat(200)}a`,
    ];
    for (const query of queries) {
      await using stream = await openStream(`${service.url}/events${query}`);
      expect([query, stream.status]).toEqual([query, 400]);
    }
    const head = await service.request('/events', { method: 'HEAD' });
    expect([head.status, head.text]).toEqual([200, '']);
  });

  it('needs a token that is good for reading, in a header', async () => {
    await using guarded = await startTestService({
      env: { TRAINER_API_TOKEN: 'secret', TRAINER_READ_TOKENS: 'reader' },
    });
    const open = (query = '', headers = {}) => openStream(`${guarded.url}/events${query}`, headers);
    expect((await open()).status).toBe(401);
    expect((await open('?token=secret')).status).toBe(401);
    expect((await open('', { 'x-trainer-token': 'wrong' })).status).toBe(403);
    await using reader = await open('', { 'x-trainer-token': 'reader' });
    expect(reader.status).toBe(200);
  });
});

it('tells the progress of running jobs once for all that moved meanwhile', async () => {
  const clock = new FakeClock();
  await using timed = await startTestService({ clock });
  await timed.post('/train', makeRequest({ job_id: 'timed', ...RUNNING }));
  await timed.post('/train', makeRequest({ job_id: 'waits', ...NEVER }));
  await using stream = await openStream(`${timed.url}/events`);
  await stream.next(({ event }) => event === 'job.progress');
  await clock.advance(2000);
  const first = await stream.next(({ event }) => event === 'job.progress');
  const metrics = await stream.next(({ event }) => event === 'job.metrics');
  expect(metrics?.data).toMatchObject({ job_id: 'timed', type: 'job.metrics' });
  expect(metrics?.data.data.metrics).toEqual(first?.data.data.metrics);
  clock.stall(50_000);
  await clock.advance(2000);
  const next = await stream.next(({ event }) => event === 'job.progress');
  expect([first, next].map((event) => event?.data.job_id)).toEqual(['timed', 'timed']);
  expect(next?.data.data.percentage).toBeGreaterThan(first?.data.data.percentage + 40);
});

it('ends when the service closes', async () => {
  const closing = await startTestService();
  await using stream = await openStream(`${closing.url}/events`);
  await stream.next(isCursor);
  await closing.close();
  expect(await stream.rest()).toEqual([]);
});
