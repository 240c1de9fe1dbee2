import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TrainingResponseSchema } from '../../src/requests/training-response.ts';
import { makeRequest, startTestService, type TestService } from '../start-test-service.ts';

const JSON_TYPE = 'application/json; charset=utf-8';
const ISO_TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const NAME = /^[a-z]([-a-z0-9]{0,31}[a-z0-9])$/;

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

const mock = (script: Record<string, unknown>) => ({ extra_parameters: { mock: script } });

describe('POST /train', () => {
  it('answers that the job is accepted, and where it is', async () => {
    const answer = await service.post('/train', makeRequest({ job_id: 'a:b_C.1-2' }));
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe(JSON_TYPE);
    expect(answer.headers.get('location')).toBe('/train/a:b_C.1-2');
    expect(answer.headers.has('idempotent-replayed')).toBe(false);
    expect(answer.body).toEqual({
      job_id: 'a:b_C.1-2',
      backend_job_id: expect.stringMatching(NAME),
      status: 'submitted',
      reason: 'ACCEPTED',
      detail: 'Job accepted for processing',
      revision: 1,
      progress: null,
      phase: 'queued',
      phases: [
        {
          ...{ phase: 'queued', owner: 'service', started_at: ISO_TIME, ended_at: null },
          message: 'Job accepted for processing',
        },
      ],
      checkpoints: [],
      result: null,
      rerun_of: null,
      reruns: [],
      timestamps: { created_at: ISO_TIME, updated_at: ISO_TIME, started_at: null, ended_at: null },
      dashboard_url: null,
      metadata: { backend: 'test', warnings: [], job_spec: expect.any(Object) },
    });
    const again = await service.request(answer.headers.get('location') ?? '');
    expect(again.body.job_id).toBe('a:b_C.1-2');
  });

  it.each([
    { submitted_seconds: 0, running_seconds: 0 },
    { submitted_seconds: 0, outcome: 'never' },
    { submitted_seconds: 0, running_seconds: 0, outcome: 'failed' },
  ])('says submitted first, also of %j', async (script) => {
    const job_id = `brief-${JSON.stringify(script).length}`;
    const { status, body } = await service.post('/train', makeRequest({ job_id, ...mock(script) }));
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'submitted', detail: 'Job accepted for processing' });
  });

  it('echoes the rendered TrainJob, also of the mock runner', async () => {
    const { body } = await service.post('/train', makeRequest({ job_id: 'echo' }));
    const { train_job } = body.metadata.job_spec;
    expect(train_job).toMatchObject({
      apiVersion: 'trainer.kubeflow.org/v1alpha1',
      kind: 'TrainJob',
      metadata: {
        name: body.backend_job_id,
        labels: { 'trainer.deepfinery/backend': 'test' },
        annotations: { 'trainer.deepfinery/job-id': 'echo' },
      },
      spec: { runtimeRef: { name: 'test-runtime', kind: 'ClusterTrainingRuntime' } },
    });
    expect((await service.request('/train/echo')).body.metadata).toEqual(body.metadata);
  });

  it('names a field that it does not know, with the nearest one', async () => {
    const request = makeRequest({ job_id: 'typo', customization: { lora_rnak: 8 } });
    const { body } = await service.post('/train', request);
    expect(body.metadata.warnings).toEqual([
      expect.stringMatching(/customization\.lora_rnak .*lora\.rank/),
    ]);
  });

  it('keeps the answer small however many fields are unknown', async () => {
    const typos = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`rnak${n}`, 1]));
    const request = makeRequest({ job_id: 'typos', customization: typos });
    const { status, body } = await service.post('/train', request);
    expect(status).toBe(200);
    expect(body.metadata.warnings).toHaveLength(21);
  });

  it('names the job on the page where people reach that', async () => {
    const env = { TRAINER_PUBLIC_URL: 'https://test.example.com/' };
    await using other = await startTestService({ env });
    const { body } = await other.post('/train', makeRequest({ job_id: 'a:b' }));
    expect(body.dashboard_url).toBe('https://test.example.com/#/jobs/test/a%3Ab');
    const job = 'https://test.example.com/train/a%3Ab';
    expect(body.links).toEqual({
      events: `${job}/events`,
      logs: `${job}/logs`,
      metrics: `${job}/metrics`,
    });
  });

  it('fills the dashboard template', async () => {
    const env = {
      TRAINER_DASHBOARD_URL_TEMPLATE: 'https://dash/{namespace}/{name}?id={job_id}',
      TRAINER_PUBLIC_URL: 'https://test.example.com',
      TRAINER_JOBS_NAMESPACE: 'jobs',
    };
    await using other = await startTestService({ env });
    const { body } = await other.post('/train', makeRequest({ job_id: 'a:b' }));
    expect(body.dashboard_url).toBe(`https://dash/jobs/${body.backend_job_id}?id=a%3Ab`);
  });
});

describe('GET /train/{job_id}', () => {
  it('follows a job through running to its end', async () => {
    const script = { submitted_seconds: 0.05, running_seconds: 0.3 };
    await service.post('/train', makeRequest({ job_id: 'whole', ...mock(script) }));

    const running = await service.getUntil('whole', ({ progress }) => progress?.percentage > 0);
    expect(running.headers.get('content-type')).toBe(JSON_TYPE);
    expect(running.body).toMatchObject({
      status: 'running',
      reason: 'RUNNING',
      timestamps: { started_at: ISO_TIME, ended_at: null },
      progress: { estimated_remaining_seconds: expect.any(Number) },
    });
    const { percentage, metrics } = running.body.progress;
    expect(percentage).toBeLessThan(100);

    const ended = await service.getUntil('whole', ({ status }) => status === 'succeeded');
    expect(ended.body).toMatchObject({
      reason: 'COMPLETED',
      progress: { percentage: 100, estimated_remaining_seconds: 0 },
    });
    expect(ended.body.progress.metrics.loss).toBeLessThan(metrics.loss);
    const { created_at, started_at, ended_at } = ended.body.timestamps;
    expect(created_at <= started_at && started_at < ended_at).toBe(true);
    expect(TrainingResponseSchema.parse(ended.body)).toEqual(ended.body);
  });

  it('tells the end of a job without duration', async () => {
    const script = { submitted_seconds: 0, running_seconds: 0 };
    await service.post('/train', makeRequest({ job_id: 'nothing', ...mock(script) }));
    const { body } = await service.getUntil('nothing', ({ status }) => status !== 'submitted');
    expect(body).toMatchObject({ status: 'succeeded', progress: { percentage: 100 } });
  });

  it('tells a simulated failure with its reason', async () => {
    const script = { outcome: 'failed', reason: 'The loss became NaN' };
    await service.post('/train', makeRequest({ job_id: 'failing', ...mock(script) }));
    const { body } = await service.getUntil('failing', ({ status }) => status === 'failed');
    expect(body).toMatchObject({ reason: 'TRAINING_FAILED', detail: 'The loss became NaN' });
  });

  it.each([
    ['a job that nobody submitted', '/train/nobody'],
    ['its cancellation', '/train/nobody/cancel', 'POST'],
    ['its deliveries', '/train/nobody/deliveries'],
    ['a replay of its callback', '/train/nobody/deliveries/replay', 'POST'],
  ])('answers 404 for %s', async (_, path, method = 'GET') => {
    const answer = await service.request(path, { method });
    expect(answer.status).toBe(404);
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(answer.body).toEqual({
      type: 'urn:trainer:error:job-not-found',
      title: 'Not Found',
      status: 404,
      detail: 'No job nobody is known to this service.',
      code: 'JOB_NOT_FOUND',
      errors: [],
      request_id: answer.headers.get('x-request-id'),
    });
  });

  it('answers HEAD like GET, without the body', async () => {
    await service.post('/train', makeRequest({ job_id: 'head' }));
    const [get, head] = await Promise.all([
      service.request('/train/head'),
      service.request('/train/head', { method: 'HEAD' }),
    ]);
    expect(head.status).toBe(200);
    expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'));
    expect(head.text).toBe('');
    expect((await service.request('/train/nobody', { method: 'HEAD' })).status).toBe(404);
  });
});

describe('any other route', () => {
  it.each([
    ['GET', '/'],
    ['POST', '/train/x/y'],
    ['GET', '/TRAIN/x'],
    ['GET', '/train//cancel'],
  ])('answers 404 to %s %s', async (method, path) => {
    const answer = await service.request(path, { method });
    expect(answer.status).toBe(404);
    expect(answer.body).toMatchObject({ code: 'ROUTE_NOT_FOUND', status: 404 });
  });

  it.each([
    ['PUT', '/train', 'GET, HEAD, POST'],
    ['OPTIONS', '/train/', 'GET, HEAD, POST'],
    ['PROPFIND', '/train', 'GET, HEAD, POST'],
    ['PUT', '/train/x', 'DELETE, GET, HEAD'],
    ['PATCH', '/train/x?y', 'DELETE, GET, HEAD'],
    ['GET', '/train/x/cancel', 'POST'],
    ['DELETE', '/train/x/deliveries/', 'GET, HEAD'],
    ['POST', '/healthz', 'GET, HEAD'],
    ['POST', '/openapi.json', 'GET, HEAD'],
  ])('answers 405 to %s %s, allowing %s', async (method, path, allowed) => {
    const answer = await service.request(path, { method });
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')?.split(', ').toSorted().join(', ')).toBe(allowed);
    expect(answer.body).toMatchObject({
      code: 'METHOD_NOT_ALLOWED',
      title: 'Method Not Allowed',
      detail: expect.stringContaining(`does not take ${method}, but `),
      request_id: answer.headers.get('x-request-id'),
    });
  });

  it.each([
    ['PUT', 'application/json', null],
    ['OPTIONS', 'application/json', null],
    ['PATCH', 'application/json', '{"job_id":'],
    ['PUT', 'text/plain', 'anything'],
  ])('answers 405 to %s of %s, whatever its body (%s)', async (method, type, body) => {
    const headers = { 'content-type': type };
    const answer = await fetch(`${service.url}/train/x`, { method, headers, body });
    const { code } = (await answer.json()) as { code: string };
    expect([answer.status, code]).toEqual([405, 'METHOD_NOT_ALLOWED']);
  });
});

it('takes a slash at the end of any path', async () => {
  const submitted = await service.post('/train/', makeRequest({ job_id: 'slash' }));
  expect([submitted.status, submitted.headers.get('location')]).toEqual([200, '/train/slash']);
  for (const path of ['/train/slash/', '/train/slash/deliveries/', '/healthz/', '/metrics/']) {
    expect([path, (await service.request(path)).status]).toEqual([path, 200]);
  }
  expect((await service.post('/train/slash/cancel/')).body.job_id).toBe('slash');
});

describe('x-request-id', () => {
  it('is the one given, and in a problem too', async () => {
    const headers = { 'x-request-id': 'studio-1.2:3' };
    const answer = await service.request('/train/nobody', { headers });
    expect(answer.headers.get('x-request-id')).toBe('studio-1.2:3');
    expect(answer.body.request_id).toBe('studio-1.2:3');
  });

  it.each(['', 'a b', '<script>', 'x'.repeat(200)])('is one of our own for %j', async (given) => {
    const answer = await service.request('/healthz', { headers: { 'x-request-id': given } });
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});
