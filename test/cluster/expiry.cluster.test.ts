import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { ServiceFixture, TRAINER_API } from './service-fixture.ts';

describe('an expired job on a real control plane', () => {
  let service: ServiceFixture;

  beforeAll(async () => {
    service = await ServiceFixture.start({
      kubeconfigPath: inject('kubeconfigPath'),
      backend: 'hf-unsloth',
      isBehindProxy: true,
      env: { TRAINER_JOB_TTL_SECONDS: '3', TRAINER_TRAINJOB_TTL_SECONDS: '1' },
    });
  });
  afterAll(() => service?.close());

  const submit = async (...trainer_args: string[]) => {
    const request = await service.request({ extra_parameters: { trainer_args } });
    const { backend_job_id: name } = (await service.submit(request)).body;
    return { request, id: request.job_id, name };
  };
  const untilExpired = async (id: string, name: string) => {
    const until = await service.follow('/api/v1', 'secrets');
    await until((records) => !records.has(name));
    // The service learns of it by a watch of its own.
    await vi.waitFor(async () => expect((await service.get(id)).status).toBe(404), {
      timeout: 10_000,
    });
  };
  /** The next attempt to create a TrainJob. */
  const catchStart = () =>
    service.proxy.catch((method, path) => method === 'POST' && path.endsWith('/trainjobs'));

  it('leaves nothing, and its id can be used again', async () => {
    const { request, id, name } = await submit('--testbed-run-ms=100');
    await service.told(id, 'succeeded');
    await untilExpired(id, name);
    await service.untilNothingRuns(name);
    const again = await service.submit(request);
    expect(again.headers.get('idempotent-replayed')).toBeNull();
    expect(again.body.backend_job_id).toBe(name);
    await service.told(id, 'succeeded');
  });

  it('whose TrainJob is still terminating lets the next one of its id wait, and then run', async () => {
    const { request, id, name } = await submit('--testbed-outcome=never');
    await service.told(id, 'running');
    const first = await service.read(TRAINER_API, 'trainjobs', name);
    await service.setFinalizers(TRAINER_API, 'trainjobs', name, ['test.example/hold']);
    await service.cancel(id);
    await service.told(id, 'cancelled');
    await untilExpired(id, name);

    const [atOnce, later] = [catchStart(), catchStart()];
    const submitting = service.submit(request);
    expect(await (await atOnce).pass()).toBe(409);
    const again = await submitting;
    expect(again).toMatchObject({
      status: 200,
      body: { status: 'submitted', backend_job_id: name },
    });
    expect(again.headers.get('idempotent-replayed')).toBeNull();
    expect(await (await later).pass()).toBe(409);
    expect((await service.get(id)).body).toMatchObject({ status: 'submitted', reason: 'ACCEPTED' });
    const held = await service.read(TRAINER_API, 'trainjobs', name);
    expect(held.metadata.uid).toBe(first.metadata.uid);

    await service.setFinalizers(TRAINER_API, 'trainjobs', name, []);
    await service.told(id, 'running');
    const record = await service.read('/api/v1', 'secrets', name);
    const second = await service.read(TRAINER_API, 'trainjobs', name);
    expect(second.metadata.uid).not.toBe(first.metadata.uid);
    expect(second.metadata.ownerReferences).toMatchObject([{ uid: record.metadata.uid }]);
    await service.cancel(id);
    await service.untilNothingRuns(name);
  });
});
