import { startTestbed, type Testbed } from '@trainer/testbed';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServiceFixture } from './service-fixture.ts';

const CROWD = 1000;
/** What a launcher keeps open at once. */
const CONCURRENCY = 50;

describe('a crowd of jobs', () => {
  let testbed: Testbed;
  let service: ServiceFixture;

  // A fixture of its own, since it takes the API server away.
  beforeAll(async () => {
    testbed = await startTestbed({ log: console.log });
    service = await ServiceFixture.start({
      kubeconfigPath: testbed.kubeconfigPath,
      backend: 'hf-unsloth',
      replicas: 2,
    });
  });
  afterAll(async () => {
    await service?.close();
    await testbed?.close();
  });

  /** Submits until accepted, as clients do that are told to try again. */
  const insist = async (replica: number): Promise<string> => {
    const request = await service.request({
      resources: { gpus: 1, cpus: 1, memory_gb: 1 },
      extra_parameters: { trainer_args: ['--testbed-run-ms=100'] },
    });
    for (;;) {
      const { status, headers } = await service.submit(request, replica);
      if (status === 200) return request.job_id;
      expect(status).toBe(503);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
  };
  const submitMany = async (count: number): Promise<string[]> => {
    let left = count;
    const work = Array.from({ length: CONCURRENCY }, async (_, worker) => {
      const ids: string[] = [];
      while (left-- > 0) ids.push(await insist(worker % 2));
      return ids;
    });
    return (await Promise.all(work)).flat();
  };
  const allTold = (ids: readonly string[]) =>
    Promise.all(ids.map((id) => service.told(id, 'succeeded')));

  it(`brings ${CROWD} jobs that come at once to their end`, async () => {
    const ids = await submitMany(CROWD);
    await allTold(ids);
    expect(new Set(ids).size).toBe(CROWD);
  }, 900_000);

  it('goes on where it was when the API server was away under load', async () => {
    const first = await submitMany(20);
    const apiserver = testbed.component('kube-apiserver');
    await apiserver.stop({ signal: 'SIGKILL' });
    const known = await service.get(first[0] ?? '');
    expect(known.status).toBe(200);
    const during = submitMany(20);
    await apiserver.start();
    await allTold([...first, ...(await during)]);
  }, 300_000);
});
