import { describe, expect, it } from 'vitest';
import type { Platform } from '../../src/jobs/platform.ts';
import { makeRequest, startTestService } from '../start-test-service.ts';
import { startWebhookReceiver } from '../webhook-receiver.ts';

const mock = (script: Record<string, unknown>) => ({ extra_parameters: { mock: script } });

it('says that it is alive, in exactly these words', async () => {
  await using service = await startTestService();
  const answer = await service.request('/healthz');
  expect([answer.status, answer.text]).toEqual([200, '{"status":"ok"}']);
  expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
});

it('says that it is ready', async () => {
  await using service = await startTestService();
  const answer = await service.request('/readyz');
  expect(answer.status).toBe(200);
  expect(answer.body).toEqual({ status: 'ready', not_ready: [], degraded: [] });
});

describe('/version', () => {
  const place = { runner: 'mock', cluster: null, namespace: null };

  it('tells everybody the release, and where jobs run to those with a token', async () => {
    await using service = await startTestService({ env: { TRAINER_API_TOKEN: 'right' } });
    const ask = (headers: Record<string, string>) => service.request('/version', { headers });
    const release = { version: expect.stringMatching(/^\d+\.\d+\.\d+/), api_level: 1 };
    expect((await ask({})).body).toEqual(release);
    expect((await ask({ authorization: 'Basic cmlnaHQ=' })).body).toEqual(release);
    expect((await ask({ 'x-trainer-token': 'right' })).body).toEqual({ ...release, ...place });
    expect((await ask({ authorization: 'Bearer right' })).body).toEqual({ ...release, ...place });
    const refused = await ask({ 'x-trainer-token': 'wrong' });
    expect([refused.status, refused.body.code]).toEqual([403, 'FORBIDDEN']);
  });

  it('tells all where nobody needs a token, but no page of another name', async () => {
    await using service = await startTestService();
    expect((await service.request('/version')).body).toMatchObject(place);
    const origin = { origin: 'https://evil.example' };
    expect((await service.request('/version', { headers: origin })).status).toBe(403);
  });

  it('limits how fast a token can be guessed there', async () => {
    const env = { TRAINER_API_TOKEN: 'right', TRAINER_RATE_LIMIT_PER_MINUTE: '2' };
    await using service = await startTestService({ env });
    const guess = () => service.request('/version', { headers: { 'x-trainer-token': 'wrong' } });
    const answers = [await guess(), await guess(), await guess()];
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 429]);
  });
});

it('is ready while nobody leads, which its metrics tell', async () => {
  const nobodyLeads = (platform: Platform): Platform => ({
    ...platform,
    leadership: { isLeader: () => false, nextSequence: () => 1, watch: () => () => {} },
  });
  await using service = await startTestService({
    decorate: { platform: nobodyLeads, webhookClient: (client) => client },
  });
  expect((await service.request('/readyz')).status).toBe(200);
  expect((await service.post('/train', makeRequest())).status).toBe(200);
  expect((await service.request('/metrics')).text).toContain('trainer_leader{backend="test"} 0');
});

describe('/metrics', () => {
  it('counts requests, jobs by state and callbacks, as Prometheus reads them', async () => {
    const receiver = await startWebhookReceiver();
    await using service = await startTestService();
    const callbacks = { webhook_url: receiver.url };
    await service.post('/train', makeRequest({ job_id: 'ends', callbacks }));
    await service.post(
      '/train',
      makeRequest({ job_id: 'waits', ...mock({ submitted_seconds: 60 }) }),
    );
    await service.post('/train', []);
    await service.request('/train/nobody');
    await service.getUntil('ends', ({ status }) => status === 'succeeded');
    await receiver.next(({ json }) => json.status === 'succeeded');
    await deliveredTo(service, 'ends');

    const { headers, text } = await service.request('/metrics');
    expect(headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const value = (name: string, labels: string) =>
      new RegExp(`^${name}\\{${labels}\\} (.+)$`, 'm').exec(text)?.[1];
    expect(value('trainer_jobs', 'status="submitted",backend="test"')).toBe('1');
    expect(value('trainer_jobs', 'status="running",backend="test"')).toBe('0');
    expect(value('trainer_jobs', 'status="succeeded",backend="test"')).toBe('1');
    const requests = 'trainer_http_request_duration_seconds_count';
    expect(value(requests, '.*method="POST",route="/train",status="200"')).toBe('2');
    expect(value(requests, '.*method="POST",route="/train",status="400"')).toBe('1');
    expect(value(requests, '.*method="GET",route="/train/:job_id",status="404"')).toBe('1');
    const attempts = value('trainer_callback_attempts_total', 'outcome="delivered",backend="test"');
    expect(Number(attempts)).toBe(receiver.requests.length);
    expect(text).toContain('process_cpu_seconds_total');
    await receiver.close();
  });

  it('has no label for each path that anyone makes up', async () => {
    await using service = await startTestService();
    for (const path of ['/a', '/b', '/train/x', '/train/y', '/train/%zz'])
      await service.request(path);
    const { text } = await service.request('/metrics');
    const routes = [...text.matchAll(/_count\{.*route="([^"]*)"/g)].map(([, route]) => route);
    expect(new Set(routes)).toEqual(new Set(['none', '/train/:job_id']));
  });
});

it('describes itself', async () => {
  await using service = await startTestService();
  const { body } = await service.request('/openapi.json');
  expect(body.openapi).toBe('3.1.0');
  expect(Object.keys(body.paths)).toEqual(
    expect.arrayContaining(['/healthz', '/train', '/train/{job_id}', '/train/{job_id}/cancel']),
  );
  expect((await service.request('/docs/')).text).toContain('swagger');
});

async function deliveredTo(service: Awaited<ReturnType<typeof startTestService>>, id: string) {
  for (;;) {
    const { body } = await service.request(`/train/${id}/deliveries`);
    if (body.outcome === 'delivered') return;
  }
}
