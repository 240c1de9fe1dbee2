import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { ServiceFixture } from './service-fixture.ts';

describe('two replicas with accounts of their own', () => {
  let service: ServiceFixture;

  beforeAll(async () => {
    service = await ServiceFixture.start({
      kubeconfigPath: inject('kubeconfigPath'),
      backend: 'meta',
      replicas: 2,
    });
  });
  afterAll(() => service?.close());

  const play = (...trainer_args: string[]) =>
    service.request({ extra_parameters: { trainer_args } });
  const both = (id: string) => Promise.all([service.get(id, 0), service.get(id, 1)]);

  it('answer alike, whichever of them was asked to submit', async () => {
    for (const replica of [0, 1]) {
      const request = await play('--testbed-run-ms=1500');
      await service.submit(request, replica);
      await service.told(request.job_id, 'running');
      await vi.waitFor(async () => {
        const [first, second] = await both(request.job_id);
        expect(first.body).toMatchObject({ status: 'running' });
        expect(second.body).toEqual(first.body);
      });
      await service.told(request.job_id, 'succeeded');
      await vi.waitFor(async () => {
        const [first, second] = await both(request.job_id);
        expect(first.body).toMatchObject({ status: 'succeeded' });
        expect(second.body).toEqual(first.body);
      });
    }
  });

  it('make one job of the same request that reaches both at once', async () => {
    const request = await play('--testbed-run-ms=100');
    const answers = await Promise.all([service.submit(request, 0), service.submit(request, 1)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    const replays = answers.filter(({ headers }) => headers.has('idempotent-replayed'));
    expect(replays).toHaveLength(1);
    await service.told(request.job_id, 'succeeded');
  });

  it('cancel what the other submitted', async () => {
    const request = await play('--testbed-outcome=never');
    await service.submit(request, 0);
    await service.told(request.job_id, 'running');
    expect((await service.cancel(request.job_id, 1)).body.status).toBe('cancelled');
    await service.told(request.job_id, 'cancelled');
    await vi.waitFor(async () => {
      const [first, second] = await both(request.job_id);
      expect(second.body).toEqual(first.body);
    });
  });
});
