import { describe, expect, it } from 'vitest';
import { type Answer, type Received, startWebhookReceiver } from '../webhook-receiver.ts';
import { type CallbackFixture, type Deliveries, startCallbackFixture } from './callback-fixture.ts';

const isEnd = ({ json }: Received) => json.status === 'succeeded';
const BRIEF = { submitted_seconds: 0, running_seconds: 0 };

/** Moves the clock to the next attempt that is planned. */
async function toNextAttempt(
  fixture: CallbackFixture,
  { next_attempt_at }: Deliveries,
): Promise<number> {
  const delayMs = Date.parse(next_attempt_at ?? '') - fixture.clock.now();
  await fixture.clock.advance(delayMs);
  return delayMs;
}

describe('a final callback', () => {
  it.each<[string, Answer, string]>([
    ['500', 500, 'answered 500'],
    ['503', 503, 'answered 503'],
    ['429', 429, 'answered 429'],
    ['400', 400, 'answered 400'],
    ['404', 404, 'answered 404'],
    ['a redirect', { status: 302, headers: { location: '/elsewhere' } }, 'redirects are not'],
    ['a cut connection', 'reset', 'closed the connection'],
  ])('is sent again after %s: the same bytes under the same id', async (_, answer, error) => {
    await using fixture = await startCallbackFixture();
    fixture.receiver.respondWith((received) => (isEnd(received) ? answer : 200));
    await fixture.submit({ mock: BRIEF });
    const first = await fixture.receiver.next(isEnd);
    let seen = await fixture.deliveriesUntil(({ attempt_count }) => attempt_count === 1);
    expect(seen.attempts).toEqual([
      {
        at: new Date(fixture.clock.now()).toISOString(),
        status: typeof answer === 'number' ? answer : answer === 'reset' ? null : 302,
        event: 'final',
        duration_ms: 0,
        error: expect.stringContaining(error),
      },
    ]);
    expect(seen).toMatchObject({ job_id: 'job-1', outcome: 'pending', replayed_at: null });
    const delayMs = await toNextAttempt(fixture, seen);
    expect(delayMs).toBeGreaterThanOrEqual(750);
    expect(delayMs).toBeLessThanOrEqual(1250);

    await fixture.receiver.next(isEnd);
    seen = await fixture.deliveriesUntil(({ attempt_count }) => attempt_count === 2);
    fixture.receiver.respondWith(204);
    await toNextAttempt(fixture, seen);
    const last = await fixture.receiver.next(isEnd);
    seen = await fixture.deliveriesUntil(({ outcome }) => outcome === 'delivered');
    expect(seen).toMatchObject({ attempt_count: 3, next_attempt_at: null });
    expect(seen.attempts.at(-1)).toMatchObject({ status: 204, error: null });
    expect(last.body).toBe(first.body);
    expect(last.headers['webhook-id']).toBe(first.headers['webhook-id']);
    expect(last.headers['webhook-timestamp']).not.toBe(first.headers['webhook-timestamp']);
    expect(fixture.receiver.requests.map(({ path }) => path)).not.toContain('/elsewhere');
  });

  it.each<Answer>(['hang', 'drip'])(
    'is cut off after 15 s when the receiver would %s',
    async (answer) => {
      await using fixture = await startCallbackFixture();
      fixture.receiver.respondWith((received) => (isEnd(received) ? answer : 200));
      await fixture.submit({ mock: BRIEF });
      await fixture.receiver.next(isEnd);
      await fixture.clock.advance(15_000);
      const { attempts } = await fixture.deliveriesUntil(
        ({ attempt_count }) => attempt_count === 1,
      );
      expect(attempts[0]).toMatchObject({
        status: null,
        duration_ms: 15_000,
        error: expect.stringContaining('15 s'),
      });
    },
  );

  it('waits as long as Retry-After says', async () => {
    await using fixture = await startCallbackFixture();
    fixture.receiver.respondWith({ status: 503, headers: { 'retry-after': '120' } });
    await fixture.submit({ mock: BRIEF });
    const seen = await fixture.deliveriesUntil(({ attempt_count }) => attempt_count === 1);
    expect(await toNextAttempt(fixture, seen)).toBe(120_000);
  });

  it('ends with a 410', async () => {
    await using fixture = await startCallbackFixture();
    fixture.receiver.respondWith((received) => (isEnd(received) ? 410 : 200));
    await fixture.submit({ mock: BRIEF });
    const seen = await fixture.deliveriesUntil(({ outcome }) => outcome === 'gone');
    expect(seen).toMatchObject({ attempt_count: 1, next_attempt_at: null });
    await fixture.clock.advance(7 * 86_400_000 - 1);
    expect(fixture.receiver.requests.filter(isEnd)).toHaveLength(1);
  });

  it('is given up after TRAINER_CALLBACK_RETRY_SECONDS', async () => {
    await using fixture = await startCallbackFixture({ TRAINER_CALLBACK_RETRY_SECONDS: '5' });
    fixture.receiver.respondWith(500);
    await fixture.submit({ mock: BRIEF });
    let seen = await fixture.deliveriesUntil(({ attempt_count }) => attempt_count === 1);
    for (let count = 2; seen.outcome === 'pending'; count += 1) {
      await toNextAttempt(fixture, seen);
      seen = await fixture.deliveriesUntil(({ attempt_count }) => attempt_count === count);
    }
    expect(seen).toMatchObject({ outcome: 'expired', next_attempt_at: null });
    // At 0, 1, 3 and 5 seconds.
    expect(seen.attempt_count).toBe(4);
  });

  it('arrives although every earlier state was answered 400, as Studio does to submitted', async () => {
    await using fixture = await startCallbackFixture();
    fixture.receiver.respondWith((received) => (isEnd(received) ? 200 : 400));
    for (let n = 0; n < 10; n += 1) await fixture.submit({ jobId: `job-${n}` });
    await fixture.untilAttempts('drop', 10);
    await fixture.clock.advance(1000);
    await fixture.untilAttempts('drop', 20);
    await fixture.clock.advance(60_000);
    for (let n = 0; n < 10; n += 1) await fixture.receiver.next(isEnd);
  });

  it('waits no longer for an earlier state that hangs than that may take', async () => {
    await using fixture = await startCallbackFixture();
    fixture.receiver.respondWith((received) => (isEnd(received) ? 200 : 'hang'));
    await fixture.submit({ mock: { submitted_seconds: 0, running_seconds: 1 } });
    await fixture.receiver.next();
    await fixture.clock.advance(1000);
    await fixture.service.getUntil('job-1', ({ status }) => status === 'succeeded');
    await fixture.clock.advance(13_999);
    expect(fixture.receiver.requests.filter(isEnd)).toHaveLength(0);
    await fixture.clock.advance(1);
    await fixture.receiver.next(isEnd);
  });
});

describe('a state on its way', () => {
  it.each<Answer>([500, 'reset'])(
    'is sent again after %s: the same bytes and id',
    async (answer) => {
      await using fixture = await startCallbackFixture();
      fixture.receiver.respondWith([answer, 200]);
      await fixture.submit({ mock: { submitted_seconds: 3600 } });
      const first = await fixture.receiver.next();
      await fixture.untilAttempts('retry', 1);
      await fixture.clock.advance(1250);
      const second = await fixture.receiver.next();
      expect(second.body).toBe(first.body);
      expect(second.headers['webhook-id']).toBe(first.headers['webhook-id']);
    },
  );

  it('gives way to a newer one', async () => {
    await using fixture = await startCallbackFixture();
    fixture.receiver.respondWith([500, 200]);
    await fixture.submit();
    await fixture.receiver.next();
    await fixture.untilAttempts('retry', 1);
    await fixture.service.post('/train/job-1/cancel');
    expect((await fixture.receiver.next()).json.status).toBe('cancelled');
    await fixture.deliveriesUntil(({ outcome }) => outcome === 'delivered');
    await fixture.clock.advance(10_000);
    expect(fixture.receiver.requests).toHaveLength(2);
  });
});

it('one bad receiver costs another nothing', async () => {
  await using fixture = await startCallbackFixture();
  const bad = await startWebhookReceiver({ answers: 'hang' });
  for (let n = 0; n < 50; n += 1) {
    const callbacks = { webhook_url: bad.url };
    await fixture.submit({ jobId: `bad-${n}`, callbacks, mock: BRIEF });
  }
  await fixture.submit({ jobId: 'good', mock: BRIEF });
  // The clock stands still, so nothing that hangs is cut off meanwhile.
  await fixture.receiver.next(isEnd);
  await fixture.deliveriesUntil(({ outcome }) => outcome === 'delivered', 'good');
  await bad.close();
});

describe('the deliveries of a job', () => {
  it('are none without a webhook, and a replay says so', async () => {
    await using fixture = await startCallbackFixture();
    await fixture.submit({ callbacks: { webhook_url: null } });
    const { body } = await fixture.service.request('/train/job-1/deliveries');
    expect(body).toEqual({
      job_id: 'job-1',
      outcome: 'none',
      attempt_count: 0,
      next_attempt_at: null,
      replayed_at: null,
      attempts: [],
    });
    const replay = await fixture.service.post('/train/job-1/deliveries/replay');
    expect(replay.status).toBe(409);
    expect(replay.body).toMatchObject({
      code: 'REPLAY_REFUSED',
      detail: 'Job job-1 names no webhook, so there is nothing to send again.',
    });
  });

  it('are sent again on request, the final one with its old id and bytes', async () => {
    await using fixture = await startCallbackFixture();
    await fixture.submit({ mock: BRIEF });
    const first = await fixture.receiver.next(isEnd);
    await fixture.deliveriesUntil(({ outcome }) => outcome === 'delivered');
    await fixture.clock.advance(3_600_000);
    const replay = await fixture.service.post('/train/job-1/deliveries/replay');
    expect(replay.status).toBe(202);
    expect(replay.body).toMatchObject({
      job_id: 'job-1',
      outcome: 'pending',
      replayed_at: new Date(fixture.clock.now()).toISOString(),
    });
    const again = await fixture.receiver.next(isEnd);
    expect(again.body).toBe(first.body);
    expect(again.headers['webhook-id']).toBe(first.headers['webhook-id']);
    const seen = await fixture.deliveriesUntil(({ outcome }) => outcome === 'delivered');
    expect(seen.attempts).toHaveLength(2);
  });

  it('can be had again after a 410', async () => {
    await using fixture = await startCallbackFixture();
    fixture.receiver.respondWith([410, 200]);
    await fixture.submit({ mock: { submitted_seconds: 3600 } });
    await fixture.receiver.next();
    await fixture.deliveriesUntil(({ outcome }) => outcome === 'gone');
    await fixture.service.post('/train/job-1/deliveries/replay');
    expect((await fixture.receiver.next()).json.status).toBe('submitted');
  });

  it('keep the newest 20 attempts', async () => {
    await using fixture = await startCallbackFixture({
      TRAINER_CALLBACK_RETRY_SECONDS: '10000000',
    });
    fixture.receiver.respondWith((received) => (isEnd(received) ? 400 : 200));
    await fixture.submit({ mock: BRIEF });
    let seen = await fixture.deliveriesUntil(({ attempt_count }) => attempt_count === 1);
    for (let count = 2; count <= 22; count += 1) {
      await toNextAttempt(fixture, seen);
      seen = await fixture.deliveriesUntil(({ attempt_count }) => attempt_count === count);
    }
    expect(seen.attempts).toHaveLength(20);
    expect(Buffer.byteLength(JSON.stringify(seen.attempts))).toBeLessThan(4096);
  });
});
