import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeRequest, startTestService, type TestService } from '../start-test-service.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../webhook-receiver.ts';

let service: TestService;
let receiver: WebhookReceiver;
beforeAll(async () => {
  service = await startTestService();
  receiver = await startWebhookReceiver({ answers: 500 });
});
afterAll(async () => {
  await service.close();
  await receiver.close();
});

const forget = (jobId: string, query = '') =>
  service.request(`/train/${jobId}${query}`, { method: 'DELETE' });
const submit = (job_id: string, changes: Record<string, unknown> = {}) =>
  service.post('/train', makeRequest({ job_id, ...changes }));

it('forgets a job that has ended, and then knows nothing of it', async () => {
  await submit('ended');
  await service.getUntil('ended', ({ status }) => status === 'succeeded');
  const answer = await forget('ended');
  expect([answer.status, answer.text]).toEqual([204, '']);
  for (const path of ['/train/ended', '/train/ended/deliveries']) {
    expect((await service.request(path)).body.code).toBe('JOB_NOT_FOUND');
  }
  expect((await forget('ended')).status).toBe(404);
  const again = await submit('ended');
  expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, null]);
});

it('names cancel to who wants to forget a job that goes on', async () => {
  await submit('goes-on', { extra_parameters: { mock: { outcome: 'never' } } });
  for (const query of ['', '?force=true']) {
    const { status, body } = await forget('goes-on', query);
    expect([status, body.code]).toEqual([409, 'JOB_NOT_ENDED']);
    expect(body.detail).toContain('POST /train/goes-on/cancel');
  }
  await service.post('/train/goes-on/cancel');
  expect((await forget('goes-on')).status).toBe(204);
});

it('gives up a callback only when it is told to', async () => {
  await submit('unheard', { callbacks: { webhook_url: receiver.url } });
  await receiver.next(({ json }) => json.job_id === 'unheard' && json.status === 'succeeded');
  for (const query of ['', '?force=false']) {
    expect((await forget('unheard', query)).body.code).toBe('CALLBACK_UNDELIVERED');
  }
  expect((await forget('unheard', '?force=yes')).status).toBe(400);
  expect((await forget('unheard', '?force=true')).status).toBe(204);
});
