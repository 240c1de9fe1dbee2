import { describe, expect, it } from 'vitest';
import { FakeClock } from '../fake-clock.ts';
import { makeRequest, startTestService } from '../start-test-service.ts';

const KIB = 1024;
const PROBLEM = 'application/problem+json; charset=utf-8';

describe('a request that is too large', () => {
  /** A request of exactly so many bytes, most of them white space. */
  const ofSize = (size: number) => JSON.stringify(makeRequest()).padEnd(size);

  it('is 413 above 256 KiB, not at it', async () => {
    await using service = await startTestService();
    const at = await service.post('/train', ofSize(256 * KIB));
    expect(at.status).toBe(200);
    const above = await service.post('/train', ofSize(256 * KIB + 1));
    expect(above.status).toBe(413);
    expect(above.headers.get('content-type')).toBe(PROBLEM);
    expect(above.body).toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      detail: expect.stringContaining('256 KiB'),
    });
    const huge = await service.post('/train', `{"a":"${'x'.repeat(2_000_000)}"}`);
    expect(huge.status).toBe(413);
    expect((await service.request('/healthz')).status).toBe(200);
  });

  it('is 413 when it is above 96 KiB once normalised, and leaves no job', async () => {
    await using service = await startTestService();
    const withNotes = (length: number) => {
      const tuning_parameters = { notes: 'x'.repeat(length) };
      return service.post('/train', makeRequest({ job_id: `n${length}`, tuning_parameters }));
    };
    expect((await withNotes(94 * KIB)).status).toBe(200);
    const above = await withNotes(96 * KIB);
    expect(above.status).toBe(413);
    expect(above.body).toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      detail: expect.stringContaining('96 KiB'),
    });
    expect((await service.request(`/train/n${96 * KIB}`)).status).toBe(404);
  });
});

describe('the rate limit', () => {
  it('is 429 with the time to wait, for everything but probes', async () => {
    await using service = await startTestService({ env: { TRAINER_RATE_LIMIT_PER_MINUTE: '3' } });
    for (const left of [2, 1, 0]) {
      const { status, headers } = await service.request('/train/x');
      expect([status, headers.get('x-ratelimit-remaining')]).toEqual([404, String(left)]);
    }
    const refused = await service.post('/train', makeRequest());
    expect(refused.status).toBe(429);
    expect(refused.headers.get('content-type')).toBe(PROBLEM);
    expect(refused.body).toMatchObject({ code: 'RATE_LIMITED', title: 'Too Many Requests' });
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(60);
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      expect((await service.request(path)).status).toBe(200);
    }
  });

  it('also slows those down who guess tokens', async () => {
    const env = { TRAINER_RATE_LIMIT_PER_MINUTE: '3', TRAINER_API_TOKEN: 'right' };
    await using service = await startTestService({ env });
    const statuses: number[] = [];
    for (const token of ['a', 'b', 'c', 'd', 'right']) {
      const headers = { 'x-trainer-token': token };
      statuses.push((await service.request('/train/x', { headers })).status);
    }
    expect(statuses).toEqual([403, 403, 403, 429, 429]);
  });

  it('can be switched off', async () => {
    await using service = await startTestService({ env: { TRAINER_RATE_LIMIT_PER_MINUTE: '0' } });
    const { headers } = await service.request('/train/x');
    expect(headers.has('x-ratelimit-limit')).toBe(false);
  });
});

describe('TRAINER_MAX_JOBS', () => {
  it('is 503 for a further job, until one has expired', async () => {
    const clock = new FakeClock();
    const env = {
      TRAINER_MAX_JOBS: '2',
      TRAINER_JOB_TTL_SECONDS: '60',
      TRAINER_MOCK_RUNNING_SECONDS: '10',
    };
    await using service = await startTestService({ env, clock });
    const submit = (job_id: string) => service.post('/train', makeRequest({ job_id }));
    await submit('one');
    await submit('two');
    const refused = await submit('three');
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.body).toMatchObject({
      code: 'TOO_MANY_JOBS',
      detail: expect.stringMatching(/2/),
    });
    const replayed = await submit('one');
    expect(replayed.headers.get('idempotent-replayed')).toBe('true');

    await clock.advance(71_000);
    expect((await submit('three')).status).toBe(200);
    expect((await service.request('/train/one')).status).toBe(404);
  });
});
