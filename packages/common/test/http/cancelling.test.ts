import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeRequest, startTestService, type TestService } from '../start-test-service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

const cancel = (jobId: string) => service.post(`/train/${jobId}/cancel`);
const submit = (job_id: string, mock: Record<string, unknown>) =>
  service.post('/train', makeRequest({ job_id, extra_parameters: { mock } }));

it.each([
  ['submitted', { submitted_seconds: 3600 }],
  ['running', { submitted_seconds: 0, outcome: 'never' }],
])('ends a %s job for good', async (status, script) => {
  const jobId = `was-${status}`;
  await submit(jobId, script);
  const before = await service.getUntil(jobId, (body) => body.status === status);

  const cancelled = await cancel(jobId);
  expect(cancelled.status).toBe(200);
  expect(cancelled.body).toMatchObject({
    job_id: jobId,
    backend_job_id: before.body.backend_job_id,
    status: 'cancelled',
    reason: 'CANCELLED_BY_REQUEST',
    detail: 'Job cancellation requested',
    timestamps: { ended_at: expect.any(String) },
    metadata: before.body.metadata,
  });
  expect((await service.request(`/train/${jobId}`)).body).toEqual(cancelled.body);

  const again = await cancel(jobId);
  expect(again.body).toEqual({ ...cancelled.body, detail: 'Job already cancelled' });
});

it.each([
  ['succeeded', {}],
  ['failed', { outcome: 'failed', reason: 'No.' }],
])('leaves a %s job as it is', async (status, script) => {
  const jobId = `has-${status}`;
  await submit(jobId, script);
  const ended = await service.getUntil(jobId, (body) => body.status === status);
  const answer = await cancel(jobId);
  expect(answer.status).toBe(200);
  expect(answer.body).toEqual({ ...ended.body, detail: `Job already ${status}` });
  expect((await service.request(`/train/${jobId}`)).body).toEqual(ended.body);
});

it('lets exactly one end win, whatever meets it', async () => {
  const ids = Array.from({ length: 30 }, (_, n) => `race-${n}`);
  for (const id of ids) await submit(id, { submitted_seconds: 0, running_seconds: 0.005 });
  const answers = await Promise.all(ids.flatMap((id) => [cancel(id), cancel(id)]));
  for (const [index, id] of ids.entries()) {
    const { body } = await service.request(`/train/${id}`);
    expect(['succeeded', 'cancelled']).toContain(body.status);
    const told = answers.slice(2 * index, 2 * index + 2).map((answer) => answer.body);
    expect(told.map(({ status }) => status)).toEqual([body.status, body.status]);
    const requested = told.filter(({ detail }) => detail === 'Job cancellation requested');
    expect(requested).toHaveLength(body.status === 'cancelled' ? 1 : 0);
  }
});

it.each([
  ['no body, but a type', 'application/json', undefined],
  ['an empty JSON object', 'application/json', '{}'],
  ['an empty form', 'application/x-www-form-urlencoded', undefined],
  ['some text', 'text/plain', 'please'],
])('does not mind %s', async (_, type, body) => {
  await submit('bodies', { outcome: 'never' });
  const headers = { 'content-type': type };
  const answer = await service.request('/train/bodies/cancel', { method: 'POST', headers, body });
  expect(answer.status).toBe(200);
});
