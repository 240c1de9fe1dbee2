import { startTestbed, type Testbed, until } from '@trainer/testbed';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServiceFixture } from './service-fixture.ts';

const AWAY_MS = 40_000;

describe('while the API server is away', () => {
  let testbed: Testbed;
  let service: ServiceFixture;

  // A fixture of its own, since it takes the API server away.
  beforeAll(async () => {
    testbed = await startTestbed({ log: console.log });
    const { kubeconfigPath } = testbed;
    service = await ServiceFixture.start({ kubeconfigPath, backend: 'hf-unsloth', replicas: 2 });
  });
  afterAll(async () => {
    await service?.close();
    await testbed?.close();
  });

  const readiness = () =>
    Promise.all(service.fleet.urls.map(async (url) => (await fetch(`${url}/readyz`)).status));

  it('every replica stays ready, tells known jobs with their age, and denies none', async () => {
    const request = await service.request({
      extra_parameters: { trainer_args: ['--testbed-outcome=never'] },
    });
    const { job_id } = request;
    await service.submit(request);
    await service.told(job_id, 'running');
    for (const replica of [0, 1]) {
      await until('the replica knows of it', async () => {
        const { body } = await service.get(job_id, replica);
        return body.status === 'running';
      });
    }

    const server = testbed.component('kube-apiserver');
    await server.stop();
    const stoppedAtMs = Date.now();
    await until(
      'an answer tells its age',
      async () => {
        expect(await readiness()).toEqual([200, 200]);
        const { status, body } = await service.get(job_id);
        expect([status, body.status]).toEqual([200, 'running']);
        return body.stale_since != null;
      },
      { timeoutMs: AWAY_MS, everyMs: 500 },
    );
    expect(Date.now() - stoppedAtMs).toBeGreaterThan(29_000);
    await until('it is away for long', async () => Date.now() - stoppedAtMs > AWAY_MS);

    for (const replica of [0, 1]) {
      const known = await service.get(job_id, replica);
      expect([known.status, known.body.status]).toEqual([200, 'running']);
      expect(known.headers.get('connection')).toBe('close');
      const sinceMs = Date.parse(known.body.stale_since ?? '');
      expect(Math.abs(sinceMs - stoppedAtMs)).toBeLessThan(5000);

      const unknown = await service.get('unknown', replica);
      const posted = await service.submit({ ...request, job_id: 'another' }, replica);
      for (const { status, headers } of [unknown, posted]) {
        expect([status, headers.get('connection')]).toEqual([503, 'close']);
        expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      }
    }
    expect(await readiness()).toEqual([200, 200]);

    await server.start();
    for (const replica of [0, 1]) {
      await until(
        'the replica has caught up',
        async () => {
          const { status, body } = await service.get(job_id, replica);
          expect([status, body.status]).toEqual([200, 'running']);
          return body.stale_since === undefined;
        },
        { timeoutMs: 60_000 },
      );
      expect((await service.get('unknown', replica)).status).toBe(404);
    }
  });
});
