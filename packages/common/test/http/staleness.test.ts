import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Platform } from '../../src/jobs/platform.ts';
import { ApiError, type ApiRequest } from '../../src/kubernetes/api-client.ts';
import { ApiServerHealth } from '../../src/kubernetes/api-server-health.ts';
import { CallMetrics } from '../../src/kubernetes/call-metrics.ts';
import { MonitoredClient } from '../../src/kubernetes/monitored-client.ts';
import { SecretJobStore } from '../../src/stores/secrets/secret-job-store.ts';
import { FakeApiServer } from '../fake-api/fake-api-server.ts';
import { FakeClock } from '../fake-clock.ts';
import { jsonPlanCodec } from '../json-plan-codec.ts';
import { makeRequest, startTestService, type TestService } from '../start-test-service.ts';

let clock: FakeClock;
let server: FakeApiServer;
let service: TestService;
let logged: { msg: string; behind_ms?: number; stack?: string }[];

/** A replica whose records are in the cluster, and which plays its jobs. */
async function startReplica(): Promise<TestService> {
  const logger = pino({}, { write: (line: string) => logged.push(JSON.parse(line)) });
  const health: ApiServerHealth = new ApiServerHealth({
    ...{ clock, logger },
    behindForMs: () => store.behindForMs(),
  });
  const metrics = new CallMetrics(clock);
  const client = new MonitoredClient({ client: server.connect(), clock, health, metrics });
  const store: SecretJobStore = new SecretJobStore({
    ...{ client, clock, random: () => 0.5, logger, planCodec: jsonPlanCodec },
    backend: 'test',
    namespace: 'jobs',
  });
  const platform = (own: Platform): Platform => ({
    ...own,
    store,
    degradedReason: () => health.degradedReason(),
    registerMetrics: (registry) => metrics.register(registry),
    open: () => store.open(),
    close: async () => {
      await own.close();
      await store.close();
    },
  });
  return startTestService({
    clock,
    env: { TRAINER_MOCK_SUBMITTED_SECONDS: '3600' },
    decorate: { platform, webhookClient: (client) => client },
  });
}

beforeEach(async () => {
  clock = new FakeClock();
  server = new FakeApiServer(() => clock.now());
  logged = [];
  service = await startReplica();
  await service.post('/train', makeRequest({ job_id: 'known' }));
});
afterEach(() => service.close());

/** The API server no longer answers what `isRefused` says. */
function cutOff(isRefused: (request: ApiRequest) => boolean): void {
  server.before = (request) => {
    if (isRefused(request)) throw new ApiError('away', {});
  };
  server.breakWatches();
}

const get = (jobId: string) => service.request(`/train/${jobId}`);

it('the state of a known job is told without the cluster, and after 30 s since when', async () => {
  const before = await get('known');
  const cutAt = new Date(clock.now()).toISOString();
  cutOff(() => true);
  await clock.advance(29_000);
  const fresh = await get('known');
  expect(fresh.body).toEqual(before.body);
  expect(fresh.headers.get('connection')).toBe('keep-alive');

  await clock.advance(11_000);
  const stale = await get('known');
  expect(stale.status).toBe(200);
  expect(stale.body).toEqual({ ...before.body, stale_since: cutAt });
  expect(stale.headers.get('connection')).toBe('close');
  const deliveries = await service.request('/train/known/deliveries');
  expect(deliveries.body).toMatchObject({ job_id: 'known', stale_since: cutAt });
  expect(deliveries.headers.get('connection')).toBe('close');

  server.before = () => {};
  await clock.advance(10_000);
  const again = await get('known');
  expect(again.body).toEqual(before.body);
  expect(again.headers.get('connection')).toBe('keep-alive');
});

it('a job of another replica is told too, without what was submitted', async () => {
  await using other = await startReplica();
  cutOff(() => true);
  await clock.advance(40_000);
  const { status, body } = await other.request('/train/known');
  expect(status).toBe(200);
  expect(body).toMatchObject({ job_id: 'known', metadata: { backend: 'test', job_spec: {} } });
  expect(body).toHaveProperty('stale_since');

  server.before = () => {};
  await clock.advance(10_000);
  const { metadata } = (await other.request('/train/known')).body;
  expect(metadata).toEqual((await get('known')).body.metadata);
});

it.each([
  ['nothing is answered', () => true],
  ['only reads are', ({ path, method }: ApiRequest) => method !== 'GET' || /secrets$/.test(path)],
])('an unknown job is 503 and never 404 while %s', async (_, isRefused) => {
  cutOff(isRefused);
  await clock.advance(40_000);
  for (const answer of [
    await get('unknown'),
    await service.post('/train/unknown/cancel'),
    await service.post('/train', makeRequest({ job_id: 'new' })),
  ]) {
    expect([answer.status, answer.body.code]).toEqual([503, 'CLUSTER_UNAVAILABLE']);
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(answer.headers.get('connection')).toBe('close');
  }
  server.before = () => {};
  await clock.advance(10_000);
  expect((await get('unknown')).status).toBe(404);
});

it('takes no replica out of its Service, and is told by metric and log', async () => {
  expect((await service.request('/readyz')).status).toBe(200);
  cutOff(() => true);
  await clock.advance(300_000);
  const ready = await service.request('/readyz');
  expect([ready.status, ready.body]).toEqual([
    200,
    {
      ...{ status: 'ready', not_ready: [] },
      degraded: [
        "The cluster's API server does not answer, for 300 s now.",
        'Jobs are told as they were 300 s ago.',
      ],
    },
  ]);
  const { text } = await service.request('/metrics');
  expect(text).toContain('trainer_cache_behind_seconds{backend="test"} 300');
  expect(text).toContain('trainer_watch_age_seconds{resource="secrets",backend="test"} 300');
  expect(text).toContain('trainer_leader{backend="test"} 1');
  const told = logged.filter(({ msg }) => msg === 'Kubernetes API calls still fail');
  expect(told).toHaveLength(4);
  expect(told.at(-1)?.behind_ms).toBeGreaterThan(230_000);

  server.before = () => {};
  await clock.advance(10_000);
  expect(logged.map(({ msg }) => msg)).toContain('Kubernetes API calls succeed again');
  expect((await service.request('/readyz')).body.degraded).toEqual([]);
  expect((await service.request('/metrics')).text).toContain(
    'trainer_cache_behind_seconds{backend="test"} 0',
  );
});

it('requests that fail for the same cause are told in the lines of the outage alone', async () => {
  cutOff(() => true);
  await clock.advance(40_000);
  logged = [];
  for (let n = 0; n < 50; n += 1) {
    expect((await service.post('/train', makeRequest({ job_id: `new-${n}` }))).status).toBe(503);
  }
  const told = logged.filter(({ msg }) => msg !== 'request answered');
  expect(told.map(({ msg }) => msg)).toEqual([]);
  expect(server.requests.filter(({ method }) => method === 'POST').length).toBeLessThan(7);
});
