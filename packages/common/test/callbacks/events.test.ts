import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { CallbackEventSchema } from '../../src/requests/training-response.ts';
import { makeRequest, startTestService } from '../start-test-service.ts';
import { startCallbackFixture } from './callback-fixture.ts';

const START = Date.UTC(2026, 0, 1);
const at = (afterMs: number) => new Date(START + afterMs).toISOString();

describe('the callbacks of a job', () => {
  it('tell every change at once, in exactly this form', async () => {
    await using fixture = await startCallbackFixture();
    await fixture.submit();
    const { body: job } = await fixture.service.request('/train/job-1');
    const common = {
      job_id: 'job-1',
      backend_job_id: job.backend_job_id,
      sequence: expect.any(Number),
    };
    const times = { created_at: at(0), updated_at: at(0), started_at: null, ended_at: null };

    const submitted = await fixture.receiver.next();
    expect(submitted.json).toEqual({
      ...common,
      status: 'submitted',
      reason: 'ACCEPTED',
      detail: 'Job accepted for processing',
      log: 'Job accepted for processing',
      progress: null,
      timestamps: times,
      timestamp: START / 1000,
    });
    await fixture.clock.advance(1000);
    const running = await fixture.receiver.next();
    expect(running.json).toEqual({
      ...common,
      status: 'running',
      reason: 'RUNNING',
      detail: 'Training is running (simulated)',
      log: 'Training is running (simulated): 0 %, loss 2.5, 1 min left',
      progress: { percentage: 0, estimated_remaining_seconds: 60, metrics: { loss: 2.5 } },
      timestamps: { ...times, updated_at: at(1000), started_at: at(1000) },
      timestamp: START / 1000 + 1,
    });
    await fixture.clock.advance(60_000);
    const succeeded = await fixture.receiver.next(({ json }) => json.status === 'succeeded');
    expect(succeeded.json).toEqual({
      ...common,
      status: 'succeeded',
      reason: 'COMPLETED',
      detail: 'Training completed (simulated)',
      log: 'Training completed (simulated)',
      progress: null,
      timestamps: {
        ...times,
        updated_at: at(61_000),
        started_at: at(1000),
        ended_at: at(61_000),
      },
      timestamp: START / 1000 + 61,
    });
    const sequences = fixture.receiver.requests.map(({ json }) => Number(json.sequence));
    expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b));
    for (const { json, body } of fixture.receiver.requests) {
      expect(CallbackEventSchema.parse(json)).toEqual(json);
      expect(Number.isSafeInteger(json.sequence)).toBe(true);
      expect(body.length).toBeLessThan(8 * 1024);
    }
  });

  it('are a POST of JSON with the Authorization as given and an id of its own', async () => {
    await using fixture = await startCallbackFixture();
    await fixture.submit({ callbacks: { auth_header: 'Token  a b;c="ü"' } });
    const first = await fixture.receiver.next();
    await fixture.clock.advance(1000);
    const second = await fixture.receiver.next();
    expect(first).toMatchObject({ method: 'POST', path: '/hook' });
    expect(first.headers).toMatchObject({
      'content-type': 'application/json',
      authorization: 'Token  a b;c="ü"',
      'webhook-id': expect.stringMatching(/^msg_[0-9a-f-]{36}_\d+_[0-9a-z]+$/),
      'webhook-timestamp': String(START / 1000),
      'content-length': String(Buffer.byteLength(first.body)),
    });
    expect(first.headers).not.toHaveProperty('webhook-signature');
    expect(second.headers['webhook-id']).not.toBe(first.headers['webhook-id']);
    expect(second.headers['webhook-timestamp']).toBe(String(START / 1000 + 1));
  });

  it('send no Authorization when none was given', async () => {
    await using fixture = await startCallbackFixture();
    await fixture.submit();
    expect((await fixture.receiver.next()).headers).not.toHaveProperty('authorization');
  });

  it('stay below 8 KiB', async () => {
    await using fixture = await startCallbackFixture();
    const reason = '😀\u0001'.repeat(166);
    await fixture.submit({ jobId: 'x'.repeat(128), mock: { outcome: 'failed', reason } });
    await fixture.clock.advance(61_000);
    const { json, body } = await fixture.receiver.next(({ json }) => json.status === 'failed');
    expect(Buffer.byteLength(body)).toBeLessThan(8 * 1024);
    expect(json).toMatchObject({ detail: reason, log: reason });
  });

  it('tell of a cancellation once, and of nothing after it', async () => {
    await using fixture = await startCallbackFixture();
    await fixture.submit();
    await fixture.receiver.next();
    await fixture.service.post('/train/job-1/cancel');
    const { json } = await fixture.receiver.next();
    expect(json).toMatchObject({ status: 'cancelled', reason: 'CANCELLED_BY_REQUEST' });
    await fixture.deliveriesUntil(({ outcome }) => outcome === 'delivered');
    await fixture.service.post('/train/job-1/cancel');
    await fixture.clock.advance(7 * 86_400_000);
    await fixture.submit({ jobId: 'other' });
    const next = await fixture.receiver.next();
    expect(next.json.job_id).toBe('other');
  });
});

describe('event_filter', () => {
  it.each([
    [['running'], ['running', 'succeeded']],
    [['submitted'], ['submitted', 'succeeded']],
    [['failed'], ['succeeded']],
    [[], ['succeeded']],
    [null, ['submitted', 'running', 'succeeded']],
  ])('%j lets %j through, the end always', async (event_filter, expected) => {
    await using fixture = await startCallbackFixture();
    await fixture.submit({ callbacks: { event_filter } });
    if (expected[0] === 'submitted') await fixture.receiver.next();
    await fixture.clock.advance(1000);
    if (expected.includes('running')) await fixture.receiver.next();
    await fixture.clock.advance(60_000);
    await fixture.receiver.next(({ json }) => json.status === 'succeeded');
    const statuses = fixture.receiver.requests.map(({ json }) => json.status);
    expect([...new Set(statuses)]).toEqual(expected);
  });
});

describe('TRAINER_CALLBACK_SUBMITTED_AS', () => {
  it('lets receivers read `queued` for `submitted`, which a filter still names by that', async () => {
    await using fixture = await startCallbackFixture({ TRAINER_CALLBACK_SUBMITTED_AS: 'queued' });
    await fixture.submit({ callbacks: { event_filter: ['submitted', 'running'] } });
    const { json } = await fixture.receiver.next();
    expect(json).toMatchObject({ status: 'queued', reason: 'ACCEPTED' });
    expect(CallbackEventSchema.parse(json)).toEqual(json);
    expect((await fixture.service.request('/train/job-1')).body.status).toBe('submitted');
    await fixture.untilAttempts('delivered', 1);
    await fixture.clock.advance(1000);
    expect((await fixture.receiver.next()).json.status).toBe('running');
  });
});

describe('TRAINER_CALLBACK_SIGNING_SECRETS', () => {
  it('sign each attempt so that a receiver with either secret can verify it', async () => {
    const [old, next] = [1, 2].map((n) => `whsec_${Buffer.alloc(32, n).toString('base64')}`);
    // The public library refuses old timestamps, so the clock is the real one.
    const env = { TRAINER_CALLBACK_SIGNING_SECRETS: `${next},${old}` };
    await using fixture = await startCallbackFixture(env);
    await fixture.clock.advance(Date.now() - fixture.clock.now());
    await fixture.submit();
    const { body, headers, json } = await fixture.receiver.next();
    for (const known of [old, next]) {
      const webhook = new Webhook(known ?? '');
      expect(webhook.verify(body, headers as Record<string, string>)).toEqual(json);
    }
    const stranger = new Webhook(Buffer.alloc(32, 3).toString('base64'));
    expect(() => stranger.verify(body, headers as Record<string, string>)).toThrow();
  });
});

describe('a webhook that must not be called', () => {
  it.each([
    ['http://169.254.169.254/latest', 'link-local or metadata'],
    ['http://2852039166/', 'link-local or metadata'],
    ['http://[::ffff:169.254.169.254]/', 'link-local or metadata'],
    ['http://metadata.google.internal/', 'link-local or metadata'],
    ['http://0.0.0.0/', 'unspecified'],
    ['http://[ff02::1]/', 'multicast'],
    ['https://kubernetes.default.svc/api', 'API server'],
    ['ftp://host.test/', 'http or https'],
    ['http://user:pass@host.test/', 'user name or password'],
  ])('%s is refused when it is submitted', async (webhook_url, why) => {
    await using service = await startTestService();
    const request = makeRequest({ callbacks: { webhook_url } });
    const answer = await service.post('/train', request);
    expect(answer.status).toBe(400);
    expect(answer.body.errors).toEqual([
      { path: 'callbacks.webhook_url', message: expect.stringContaining(why) },
    ]);
    expect((await service.request('/train/job-1')).status).toBe(404);
  });

  it('includes this machine, when others can reach the service', async () => {
    const env = { HOST: '0.0.0.0', TRAINER_ALLOW_ANONYMOUS: 'true' };
    await using service = await startTestService({ env });
    for (const host of ['127.0.0.1', 'localhost', '[::1]', '0x7f.1']) {
      const request = makeRequest({ callbacks: { webhook_url: `http://${host}/` } });
      const { status, body } = await service.post('/train', request);
      expect([status, body.detail]).toEqual([400, expect.stringContaining('loopback')]);
    }
  });

  it('includes hosts that TRAINER_CALLBACK_ALLOWED_HOSTS leaves out', async () => {
    const env = { TRAINER_CALLBACK_ALLOWED_HOSTS: '*.studio.test' };
    await using service = await startTestService({ env });
    const submit = (job_id: string, webhook_url: string) =>
      service.post('/train', makeRequest({ job_id, callbacks: { webhook_url } }));
    expect((await submit('a', 'https://hooks.studio.test/x')).status).toBe(200);
    expect((await submit('b', 'https://studio.test.evil.test/x')).status).toBe(400);
  });

  it('does not include a name that does not resolve', async () => {
    await using service = await startTestService();
    const callbacks = { webhook_url: 'https://nowhere.invalid/hook' };
    expect((await service.post('/train', makeRequest({ callbacks }))).status).toBe(200);
  });
});
