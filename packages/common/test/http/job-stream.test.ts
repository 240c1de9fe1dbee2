import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../fake-clock.ts';
import { makeRequest, startTestService, type TestService } from '../start-test-service.ts';
import { openStream } from './read-stream.ts';

const NEVER = { extra_parameters: { mock: { submitted_seconds: 3600 } } };
const RUNNING = { extra_parameters: { mock: { submitted_seconds: 0, running_seconds: 100 } } };

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

const submit = (job_id: string, changes: object = NEVER) =>
  service.post('/train', makeRequest({ job_id, ...changes }));
const follow = (jobId: string, headers?: Record<string, string>, query = '') =>
  openStream(`${service.url}/train/${jobId}/events${query}`, headers);

describe('the stream of a job', () => {
  it('tells the history, then what happens, and ends with the job', async () => {
    await submit('followed');
    await using stream = await follow('followed');
    expect(stream.status).toBe(200);
    expect(stream.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(stream.headers.get('cache-control')).toBe('no-store, no-transform');
    expect(stream.headers.get('x-request-id')).toBeTruthy();
    expect((await stream.next(() => true))?.text).toMatch(/^retry: [1-5]\d{3}$/);
    const { body } = await service.request('/train/followed/events');
    expect(await stream.next()).toMatchObject({ event: 'job.state', id: '1', data: body.data[0] });
    await service.post('/train/followed/cancel');
    const rest = await stream.rest();
    expect(rest.map(({ event, id, data }) => [event, id, data.data ?? data])).toEqual([
      ['job.state', '2', { status: 'cancelled', reason: 'CANCELLED_BY_REQUEST' }],
      ['stream.end', undefined, { reason: 'JOB_ENDED' }],
    ]);
  });

  it('goes on after the event that its reader names, and has nothing to add in the end', async () => {
    await submit('again');
    await service.post('/train/again/cancel');
    for (const [headers, query] of [
      [{ 'last-event-id': '1' }, ''],
      [{}, '?after=1'],
      [{ 'last-event-id': '1' }, '?after=0'],
    ] as const) {
      await using stream = await follow('again', headers, query);
      expect((await stream.rest()).map(({ id }) => id)).toEqual(['2', undefined]);
    }
    await using over = await follow('again', { 'last-event-id': '2' });
    expect([over.status, await over.rest()]).toEqual([204, []]);
  });

  it('begins anew for what is no event of the job', async () => {
    await submit('anew');
    await service.post('/train/anew/cancel');
    for (const id of ['99', '-1', 'x', '']) {
      await using stream = await follow('anew', { 'last-event-id': id });
      expect((await stream.rest()).map((event) => event.id)).toEqual(['1', '2', undefined]);
    }
  });

  it('tells a job anew to who followed an earlier one with its id', async () => {
    await submit('reused');
    await service.post('/train/reused/cancel');
    await using first = await follow('reused');
    const { id } = (await first.rest()).findLast((event) => event.id !== undefined) ?? {};
    await service.request('/train/reused', { method: 'DELETE' });
    await submit('reused');
    await using second = await follow('reused', { 'last-event-id': `${id}` });
    expect(await second.next()).toMatchObject({ event: 'job.state', id: '1' });
  });

  it('is asked for by Accept alone', async () => {
    await submit('asked');
    const accepts = [
      '*/*',
      'application/json',
      'text/event-stream;q=0',
      'application/json, text/event-stream;q=0.5',
    ];
    for (const accept of accepts) {
      const { headers } = await service.request('/train/asked/events', { headers: { accept } });
      expect(headers.get('content-type')).toMatch(/json/);
    }
    const head = await service.request('/train/asked/events', {
      method: 'HEAD',
      headers: { accept: 'text/event-stream' },
    });
    expect([head.status, head.text]).toEqual([200, '']);
  });

  it('refuses as every route does, with a problem document', async () => {
    await using unknown = await follow('unknown');
    expect(unknown.status).toBe(404);
    await submit('odd');
    await using odd = await follow('odd', {}, '?after=last');
    expect(odd.headers.get('content-type')).toMatch(/problem/);
  });
});

describe('a stream and time', () => {
  it('tells progress once for all that moved meanwhile, and keeps silence alive', async () => {
    const clock = new FakeClock();
    await using timed = await startTestService({ clock });
    await timed.post('/train', makeRequest({ job_id: 'timed', ...RUNNING }));
    await using stream = await openStream(`${timed.url}/train/timed/events`);
    await stream.next(({ data }) => data?.data?.status === 'running');
    await stream.next(({ event }) => event === 'job.progress');
    await clock.advance(2000);
    const progress = await stream.next(({ event }) => event === 'job.progress');
    expect(progress).toMatchObject({
      id: undefined,
      data: { type: 'job.progress', job_id: 'timed', actor: { type: 'trainer' } },
    });
    const metrics = await stream.next(({ event }) => event === 'job.metrics');
    expect(metrics).toMatchObject({
      id: undefined,
      data: { job_id: 'timed', data: { metrics: { loss: expect.any(Number) } } },
    });
    expect(metrics?.data.data).toEqual({ metrics: progress?.data.data.metrics });
    clock.stall(50_000);
    await clock.advance(2000);
    const next = await stream.next(({ event }) => event === 'job.progress');
    expect(next?.data.data.percentage).toBeGreaterThan(progress?.data.data.percentage + 40);
    await clock.advance(16_000);
    expect((await stream.next(({ text }) => text.startsWith(':')))?.text).toBe(': still here');
  });

  it('ends after a while, so that its reader comes back', async () => {
    const clock = new FakeClock();
    await using timed = await startTestService({ clock });
    await timed.post('/train', makeRequest({ job_id: 'long', ...NEVER }));
    await using stream = await openStream(`${timed.url}/train/long/events`);
    await clock.advance(30 * 60_000 + 2000);
    expect((await stream.rest()).map(({ event }) => event)).toEqual(['job.state']);
  });
});

describe('who may follow', () => {
  it('is asked for a token that is good for reading, as long as the stream goes on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tokens-'));
    const file = join(folder, 'tokens');
    writeFileSync(file, 'first,second');
    const clock = new FakeClock();
    const guarded = await startTestService({
      clock,
      env: { TRAINER_API_TOKEN_FILE: file, TRAINER_READ_TOKENS: 'reader' },
    });
    const url = `${guarded.url}/train/guarded/events`;
    await guarded.post('/train', makeRequest({ job_id: 'guarded', ...NEVER }), {
      'x-trainer-token': 'first',
    });
    expect((await openStream(url)).status).toBe(401);
    expect((await openStream(`${url}?token=first`)).status).toBe(401);
    expect((await openStream(url, { authorization: 'Bearer wrong' })).status).toBe(403);
    await using reader = await openStream(url, { authorization: 'Bearer reader' });
    await using first = await openStream(url, { 'x-trainer-token': 'first' });
    await using second = await openStream(url, { 'x-trainer-token': 'second' });
    writeFileSync(file, 'second,third');
    await clock.advance(2000);
    expect((await first.rest()).map(({ event }) => event)).toEqual(['job.state']);
    await guarded.post('/train/guarded/cancel', undefined, { 'x-trainer-token': 'third' });
    for (const stream of [reader, second]) {
      expect((await stream.rest()).map(({ event }) => event).at(-1)).toBe('stream.end');
    }
    await guarded.close();
    rmSync(folder, { recursive: true });
  });
});

it('closing a service ends its streams at once, also of those who do not read', async () => {
  const closing = await startTestService();
  await closing.post('/train', makeRequest({ job_id: 'open', ...NEVER }));
  const sockets = [1, 2].map(() => connect(closing.port, '127.0.0.1'));
  for (const socket of sockets) {
    socket.pause().on('error', () => {});
    socket.write(
      'GET /train/open/events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n',
    );
  }
  await using stream = await openStream(`${closing.url}/train/open/events`);
  await stream.next();
  const ends = sockets.map((socket) => once(socket.resume(), 'close'));
  await closing.close();
  expect(await stream.rest()).toEqual([]);
  await Promise.all(ends);
});

it('is no slow request, however long it was open', async () => {
  await using counting = await startTestService();
  await counting.post('/train', makeRequest({ job_id: 'counted', ...NEVER }));
  await counting.post('/train/counted/cancel');
  await using stream = await openStream(`${counting.url}/train/counted/events`);
  await stream.rest();
  const { text } = await counting.request('/metrics');
  expect(text).toContain(
    'trainer_http_request_duration_seconds_count{backend="test",method="POST"',
  );
  expect(text).not.toContain('route="/train/:job_id/events",status="200"');
});
