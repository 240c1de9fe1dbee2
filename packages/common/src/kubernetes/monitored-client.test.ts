import { pino } from 'pino';
import { Registry } from 'prom-client';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeApiServer } from '../../test/fake-api/fake-api-server.ts';
import { FakeClock } from '../../test/fake-clock.ts';
import { ApiError } from './api-client.ts';
import { ApiServerHealth } from './api-server-health.ts';
import { CallMetrics } from './call-metrics.ts';
import { Informer } from './informer.ts';
import { LeaseLeadership } from './lease.ts';
import { MonitoredClient } from './monitored-client.ts';
import type { CachedObject } from './object-store.ts';

const SECRETS = '/api/v1/namespaces/jobs/secrets';
const SECRET = { method: 'GET', path: `${SECRETS}/one` } as const;
const AWAY = new ApiError('GET got no usable answer: connect ECONNREFUSED', {});

let server: FakeApiServer;
let clock: FakeClock;
let logged: { level: number; msg: string; [field: string]: unknown }[];
let health: ApiServerHealth;
let metrics: CallMetrics;
let client: MonitoredClient;

const logger = pino({}, { write: (line: string) => logged.push(JSON.parse(line)) });

beforeEach(() => {
  clock = new FakeClock();
  server = new FakeApiServer(() => clock.now());
  logged = [];
  health = new ApiServerHealth({ clock, logger, behindForMs: () => 1234 });
  metrics = new CallMetrics(clock);
  client = new MonitoredClient({ client: server.connect(), clock, health, metrics });
  server.create(SECRETS, { metadata: { name: 'one' } });
});

function failWith(error: ApiError | undefined): void {
  server.before = () => {
    if (error !== undefined) throw error;
  };
}

async function failures(count: number, request: Parameters<typeof client.call>[0] = SECRET) {
  for (let n = 0; n < count; n += 1) await client.call(request).catch(() => {});
}

async function scrape(): Promise<string> {
  const registry = new Registry();
  metrics.register(registry);
  return registry.metrics();
}

const messages = () => logged.map(({ msg }) => msg);

it('says nothing of the API server where another server behind it fails', async () => {
  const elsewhere = { ...SECRET, isServedElsewhere: true } as const;
  failWith(new ApiError('503', { status: 503 }));
  await failures(9, elsewhere);
  expect(messages()).toEqual([]);
  failWith(undefined);
  await expect(client.call(SECRET)).resolves.toMatchObject({ metadata: { name: 'one' } });
  failWith(AWAY);
  await failures(1, elsewhere);
  expect(messages()).toEqual(['Kubernetes API calls fail']);
});

describe('the circuit', () => {
  it.each([
    ['nothing answers', AWAY],
    ['all is answered 500', new ApiError('500', { status: 500, reason: 'InternalError' })],
  ])('answers at once when %s, and tries again by itself', async (_, error) => {
    failWith(error);
    await failures(5);
    const calls = server.requests.length;
    const held = await client.call(SECRET).catch((cause: unknown) => cause);
    expect(held).toBeInstanceOf(ApiError);
    expect((held as ApiError).status).toBeUndefined();
    expect(server.requests).toHaveLength(calls);

    await clock.advance(5000);
    await failures(3);
    expect(server.requests).toHaveLength(calls + 1);
    failWith(undefined);
    await clock.advance(5000);
    await client.call(SECRET);
    await client.call(SECRET);
    expect(server.requests).toHaveLength(calls + 3);
  });

  it('never holds back what its sender repeats, and is closed by its success', async () => {
    failWith(AWAY);
    await failures(5);
    const probe = { ...SECRET, isRetriedBySender: true };
    await failures(1, probe);
    await client.watch({ method: 'GET', path: SECRETS }).catch(() => {});
    expect(server.requests).toHaveLength(7);
    failWith(undefined);
    await client.call(probe);
    await client.call(SECRET);
    expect(server.requests).toHaveLength(9);
  });

  it.each([
    ['refusals', new ApiError('403', { status: 403, reason: 'Forbidden' })],
    ['a server that is busy', new ApiError('429', { status: 429, reason: 'TooManyRequests' })],
    [
      "somebody else's webhook",
      new ApiError('500', {
        status: 500,
        reason: 'InternalError',
        serverMessage: 'Internal error occurred: failed calling webhook "v.trainer.kubeflow.org"',
      }),
    ],
  ])('stays closed for %s', async (_, error) => {
    failWith(error);
    await failures(20);
    expect(server.requests).toHaveLength(20);
  });

  it('lets a caller who gives up say nothing about the server', async () => {
    server.before = (request) => {
      request.signal?.throwIfAborted();
    };
    await failures(10, { ...SECRET, signal: AbortSignal.abort() });
    await client.call(SECRET);
    expect(health.degradedReason()).toBeUndefined();
    expect(logged).toEqual([]);
  });
});

describe('the log', () => {
  it('tells an outage of five minutes in six lines, whoever calls meanwhile', async () => {
    const parts = { client, clock, logger, random: () => 0.5 };
    const paths = [SECRETS, '/api/v1/namespaces/jobs/pods', '/api/v1/namespaces/jobs/events'];
    const informers = paths.map(
      (path) => new Informer<CachedObject, string>({ ...parts, path, keep: () => 'kept' }),
    );
    const lease = new LeaseLeadership({ ...parts, backend: 'meta', namespace: 'jobs' });
    await Promise.all([...informers, lease].map((loop) => loop.open()));
    logged = [];

    failWith(AWAY);
    server.breakWatches();
    for (let seconds = 0; seconds < 290; seconds += 1) {
      await failures(2);
      await clock.advance(1000);
    }
    failWith(undefined);
    await clock.advance(30_000);

    const still = 'Kubernetes API calls still fail';
    expect(messages().filter((message) => !message.includes('leading'))).toEqual([
      'Kubernetes API calls fail',
      ...[still, still, still, still],
      'Kubernetes API calls succeed again',
    ]);
    expect(logged[0]).toMatchObject({
      failure: 'GET got no usable answer: connect ECONNREFUSED',
      behind_ms: 1234,
    });
    expect(logged.at(-1)?.failed_calls).toBeGreaterThan(100);
    expect(JSON.stringify(logged)).not.toContain('stack');
    await Promise.all([...informers, lease].map((loop) => loop.close()));
    health.close();
    expect(clock.timerCount).toBe(0);
  });

  it('takes calls that fail now and then for one outage', async () => {
    for (let round = 0; round < 20; round += 1) {
      failWith(AWAY);
      await failures(1);
      failWith(undefined);
      await client.call(SECRET);
      await clock.advance(2000);
    }
    await clock.advance(5000);
    expect(messages()).toEqual(['Kubernetes API calls fail', 'Kubernetes API calls succeed again']);
    expect(logged.at(-1)).toMatchObject({ failed_calls: 20, for_ms: 38_000 });
  });
});

it.each([
  ['does not answer', AWAY],
  ['answers with status 500', new ApiError('500', { status: 500 })],
  ['is too busy to answer', new ApiError('429', { status: 429, reason: 'TooManyRequests' })],
  ['does not accept the account', new ApiError('401', { status: 401, reason: 'Unauthorized' })],
  ['answers with status 404', new ApiError('404', { status: 404 })],
])('health says that the API server %s', async (complaint, error) => {
  failWith(error);
  await failures(2);
  expect(health.degradedReason()).toBeUndefined();
  await clock.advance(25_000);
  await failures(1);
  expect(health.degradedReason()).toContain(complaint);
  expect(health.degradedReason()).toContain('for 25 s now');
  failWith(undefined);
  await client.call({ ...SECRET, isRetriedBySender: true });
  expect(health.degradedReason()).toBeUndefined();
});

it('calls are counted by verb, resource and code', async () => {
  const trainJobs = '/apis/trainer.kubeflow.org/v1alpha1/namespaces/jobs/trainjobs';
  await client.call(SECRET);
  await client.call({ method: 'GET', path: SECRETS });
  await client.call({ method: 'POST', path: trainJobs, body: { metadata: { name: 'x' } } });
  await failures(1, { method: 'DELETE', path: `${trainJobs}/unknown` });
  await failures(1, { method: 'GET', path: '/openapi/v3' });
  failWith(AWAY);
  await failures(6);
  const text = await scrape();
  const count = (labels: string) =>
    Number(text.match(new RegExp(`_count\\{${labels}\\} (\\d+)`))?.[1]);
  expect(count('verb="get",resource="secrets",code="2xx"')).toBe(1);
  expect(count('verb="list",resource="secrets",code="2xx"')).toBe(1);
  expect(count('verb="create",resource="trainjobs",code="2xx"')).toBe(1);
  expect(count('verb="delete",resource="trainjobs",code="404"')).toBe(1);
  expect(count('verb="get",resource="other",code="404"')).toBe(1);
  expect(count('verb="get",resource="secrets",code="none"')).toBe(5);
  expect(count('verb="get",resource="secrets",code="held"')).toBe(1);
});

it('a watch has an age that each sign of life sets back, and none when nobody wants it', async () => {
  const abort = new AbortController();
  const query = { resourceVersion: '999999', allowWatchBookmarks: true };
  const events = await client.watch({
    ...{ method: 'GET', path: SECRETS, signal: abort.signal },
    query,
  });
  const reader = events[Symbol.asyncIterator]();
  const next = reader.next();
  await clock.advance(50_000);
  expect(await scrape()).toContain('trainer_watch_age_seconds{resource="secrets"} 50');
  server.sendBookmarks();
  await next;
  await clock.advance(3000);
  expect(await scrape()).toContain('trainer_watch_age_seconds{resource="secrets"} 3');
  abort.abort();
  expect(await scrape()).not.toContain('trainer_watch_age_seconds{');
});
