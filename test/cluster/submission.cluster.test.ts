import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { ServiceFixture, TRAINER_API } from './service-fixture.ts';

const NEVER = ['--testbed-outcome=never'];
const RUN_ID = 'trainer.deepfinery/run-id';

describe('a submission on a real control plane', () => {
  let service: ServiceFixture;

  beforeAll(async () => {
    service = await ServiceFixture.start({
      kubeconfigPath: inject('kubeconfigPath'),
      backend: 'hf-unsloth',
      replicas: 2,
      isBehindProxy: true,
    });
  });
  afterEach(() => {
    service.proxy.fault = () => undefined;
  });
  afterAll(() => service?.close());

  const play = (...trainer_args: string[]) =>
    service.request({ extra_parameters: { trainer_args } });
  /** The next attempt of any replica to create a TrainJob. */
  const catchStart = () =>
    service.proxy.catch((method, path) => method === 'POST' && path.endsWith('/trainjobs'));
  const readTrainJob = (name: string) => service.read(TRAINER_API, 'trainjobs', name);
  const readRecord = (name: string) => service.read('/api/v1', 'secrets', name);

  it.each([0, 1])(
    'that is cancelled through replica %i before its TrainJob exists leaves none',
    async (replica) => {
      const request = await play(...NEVER);
      const catching = catchStart();
      const submitting = service.submit(request, 0);
      const start = await catching;
      const { body } = await service.cancel(request.job_id, replica);
      expect(body).toMatchObject({ status: 'cancelled', detail: 'Job cancellation requested' });
      expect(await start.pass()).toBe(201);

      const { status, body: accepted } = await submitting;
      expect(status).toBe(200);
      await service.told(request.job_id, 'cancelled');
      await service.untilNothingRuns(accepted.backend_job_id);
      expect((await service.get(request.job_id)).body).toMatchObject({
        status: 'cancelled',
        reason: 'CANCELLED_BY_REQUEST',
      });
    },
  );

  it('is made good when its TrainJob is deleted before it was noted', async () => {
    service.proxy.fault = (call, path) =>
      call === 'PATCH' && path.includes('/secrets/') ? 500 : undefined;
    const request = await play(...NEVER);
    const { body } = await service.submit(request);
    const name = body.backend_job_id;
    const first = await readTrainJob(name);
    const catching = catchStart();
    await service.remove(TRAINER_API, 'trainjobs', name);

    const again = await catching;
    expect((await readRecord(name)).metadata.annotations).not.toHaveProperty(RUN_ID);
    service.proxy.fault = () => undefined;
    expect(await again.pass()).toBe(201);
    await service.told(request.job_id, 'running');
    const second = await readTrainJob(name);
    expect(second.metadata.uid).not.toBe(first.metadata.uid);
    expect((await readRecord(name)).metadata.annotations).toMatchObject({
      [RUN_ID]: second.metadata.uid,
    });
    await service.cancel(request.job_id);
    await service.untilNothingRuns(name);
  });
});
