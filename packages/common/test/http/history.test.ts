import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Clock, systemClock } from '../../src/clock.ts';
import { makeRequest, startTestService, type TestService } from '../start-test-service.ts';
import { startWebhookReceiver } from '../webhook-receiver.ts';

const NEVER = { extra_parameters: { mock: { submitted_seconds: 3600 } } };
const asOps = { 'x-trainer-token': 'of-ops' };
const asStudio = { 'x-trainer-token': 'of-studio' };

let service: TestService;
beforeAll(async () => {
  service = await startTestService({
    env: { TRAINER_API_TOKEN: 'of-studio,of-ops', TRAINER_TOKEN_NAMES: 'studio,ops' },
  });
});
afterAll(() => service.close());

const submit = (job_id: string, changes: object = NEVER) =>
  service.post('/train', makeRequest({ job_id, ...changes }), asStudio);
const get = (path: string, headers: Record<string, string> = {}) =>
  service.request(path, { headers: { ...asOps, ...headers } });

interface Event {
  readonly id: number;
  readonly type: string;
  readonly data: Record<string, unknown>;
  readonly actor: Record<string, unknown>;
}

describe('GET /train/{job_id}/events', () => {
  it('tells what happened, oldest first, and who had it done', async () => {
    const receiver = await startWebhookReceiver();
    onTestFinished(() => receiver.close());
    const callbacks = { webhook_url: receiver.url };
    await submit('told', { ...NEVER, callbacks });
    await service.post('/train/told/cancel', undefined, asOps);
    await receiver.next(({ json }) => json.status === 'cancelled');
    await service.request('/train/told?wait=50&after=2', { headers: asOps });
    await service.post('/train/told/deliveries/replay', undefined, asStudio);
    await receiver.next(({ json }) => json.status === 'cancelled');
    await service.request('/train/told?wait=50&after=4', { headers: asOps });
    const { status, body } = await get('/train/told/events');
    expect(status).toBe(200);
    const told = (body.data as Event[]).map(({ id, type, actor }) => [id, type, actor]);
    expect(told).toEqual([
      [1, 'job.state', { type: 'token', name: 'studio' }],
      [2, 'job.state', { type: 'token', name: 'ops' }],
      [3, 'job.delivery', { type: 'system' }],
      [4, 'job.delivery', { type: 'token', name: 'studio' }],
      [5, 'job.delivery', { type: 'system' }],
    ]);
    expect(body).toMatchObject({ job_id: 'told', revision: 5 });
    expect(body.data[1]).toEqual({
      id: 2,
      type: 'job.state',
      job_id: 'told',
      time: expect.stringMatching(/Z$/),
      attempt: null,
      level: 'info',
      message: 'Job cancellation requested',
      data: { status: 'cancelled', reason: 'CANCELLED_BY_REQUEST' },
      actor: { type: 'token', name: 'ops' },
    });
    const { body: later } = await get('/train/told/events?after=4');
    expect((later.data as Event[]).map(({ id }) => id)).toEqual([5]);
    expect((await get('/train/told')).body.revision).toBe(5);
    // The place of a reader of an earlier job with this id.
    const { body: whole } = await get('/train/told/events?after=12');
    expect(whole).toEqual(body);
  });

  it('still tells who cancelled after the job was run again many times', async () => {
    await submit('popular');
    await service.post('/train/popular/cancel', undefined, asOps);
    for (let n = 0; n < 10; n += 1) {
      const rerun = { job_id: `popular-${n}`, from: 'start' };
      expect((await service.post('/train/popular/rerun', rerun, asStudio)).status).toBe(200);
    }
    const { body } = await get('/train/popular/events');
    const ofOps = (body.data as Event[]).filter(({ actor }) => actor.name === 'ops');
    expect(ofOps.map(({ id, data }) => [id, data.status])).toEqual([[2, 'cancelled']]);
    expect((body.data as Event[]).at(-1)?.data.job_id).toBe('popular-9');
  });

  it('names nobody where nobody needs a token', async () => {
    await using open = await startTestService();
    await open.post('/train', makeRequest({ job_id: 'open', ...NEVER }));
    const { body } = await open.request('/train/open/events');
    expect(body.data[0].actor).toEqual({ type: 'anonymous' });
  });

  it('refuses what it cannot read, and knows no other jobs', async () => {
    expect((await get('/train/none/events')).body.code).toBe('JOB_NOT_FOUND');
    await submit('odd');
    const { status, body } = await get('/train/odd/events?after=last');
    expect([status, body.errors]).toEqual([
      400,
      [{ path: 'after', message: 'after must be a number.' }],
    ]);
  });
});

describe('a long poll', () => {
  it('is answered with what happens next', async () => {
    const { body: first } = await submit('polled');
    const waiting = get(`/train/polled?wait=50&after=${first.revision}`);
    await service.post('/train/polled/cancel', undefined, asOps);
    const { status, body, headers } = await waiting;
    expect([status, body.status, body.revision]).toEqual([200, 'cancelled', 2]);
    expect(headers.get('etag')).toBe('W/"2"');
  });

  it('is answered at once where there is something new, or nothing to wait from', async () => {
    await submit('known');
    expect((await get('/train/known?wait=50&after=0')).status).toBe(200);
    expect((await get('/train/known?wait=50')).status).toBe(200);
    expect((await get('/train/known?after=1')).status).toBe(200);
    expect((await get('/train/known', { 'if-none-match': 'W/"1"' })).status).toBe(200);
    expect((await get('/train/known?wait=50', { 'if-none-match': '"other"' })).status).toBe(200);
  });

  it('waits up to a tenth less than asked, so that those who came together do not come back so', async () => {
    const waitsMs: number[] = [];
    const clock: Clock = {
      ...systemClock,
      schedule: (delayMs, callback) => {
        if (delayMs <= 40_000 && delayMs >= 36_000) waitsMs.push(delayMs);
        return systemClock.schedule(waitsMs.includes(delayMs) ? 0 : delayMs, callback);
      },
    };
    await using spread = await startTestService({ clock, random: () => 0.5 });
    await spread.post('/train', makeRequest({ job_id: 'spread', ...NEVER }));
    expect((await spread.request('/train/spread?wait=40&after=1')).status).toBe(304);
    expect(waitsMs).toEqual([38_000]);
  });

  it('is a 304 when its time is over, with the same tag', async () => {
    await submit('quiet');
    for (const headers of [{}, { 'if-none-match': 'W/"1"' }]) {
      const after = 'if-none-match' in headers ? '' : '&after=1';
      const {
        status,
        text,
        headers: answered,
      } = await get(`/train/quiet?wait=0.01${after}`, {
        ...headers,
      });
      expect([status, text, answered.get('etag')]).toEqual([304, '', 'W/"1"']);
    }
  });

  it('is refused where it would wait for ever or for nobody', async () => {
    const { body } = await get('/train/quiet?wait=51&after=-1');
    expect((body.errors as { path: string }[]).map(({ path }) => path)).toEqual(['wait', 'after']);
    expect((await get('/train/none?wait=50&after=1')).status).toBe(404);
  });

  it('ends when its job is forgotten, and when the service closes', async () => {
    await submit('gone');
    await service.post('/train/gone/cancel', undefined, asOps);
    const waiting = get('/train/gone?wait=50&after=2');
    await service.request('/train/gone', { method: 'DELETE', headers: asOps });
    expect((await waiting).status).toBe(404);

    const closing = await startTestService();
    await closing.post('/train', makeRequest({ job_id: 'held', ...NEVER }));
    const held = closing.request('/train/held?wait=50&after=1');
    await closing.request('/healthz');
    await closing.close();
    expect((await held).status).toBe(304);
  });
});
