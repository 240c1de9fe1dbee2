import { startTestbed, type Testbed } from '@trainer/testbed';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServiceFixture, TRAINER_API } from './service-fixture.ts';

describe('while Trainer is down, its controller and its webhooks', () => {
  let testbed: Testbed;
  let service: ServiceFixture;

  // A fixture of its own, since it takes Trainer away.
  beforeAll(async () => {
    testbed = await startTestbed({ log: console.log });
    const { kubeconfigPath } = testbed;
    service = await ServiceFixture.start({ kubeconfigPath, backend: 'hf-unsloth' });
  });
  afterAll(async () => {
    await service?.close();
    await testbed?.close();
  });

  const submit = async (...trainer_args: string[]) => {
    const request = await service.request({ extra_parameters: { trainer_args } });
    const { status, body } = await service.submit(request);
    expect(status).toBe(200);
    return { id: request.job_id, name: body.backend_job_id };
  };
  const cancel = async (id: string) => {
    const { status, body } = await service.cancel(id);
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'cancelled', detail: 'Job cancellation requested' });
    await service.told(id, 'cancelled');
  };

  it('a job is cancelled, running or not yet started, and any other runs later', async () => {
    const running = await submit('--testbed-outcome=never');
    await service.told(running.id, 'running');
    await testbed.component('trainer').stop();

    await cancel(running.id);
    await service.untilNothingRuns(running.name);

    const waiting = await submit('--testbed-outcome=never');
    const patient = await submit('--testbed-run-ms=100');
    expect(await service.list(TRAINER_API, 'trainjobs')).toEqual([]);
    await cancel(waiting.id);

    await testbed.component('trainer').start();
    await service.told(patient.id, 'succeeded');
    expect(await service.list(TRAINER_API, 'trainjobs')).toEqual([patient.name]);
    expect((await service.get(waiting.id)).body.reason).toBe('CANCELLED_BY_REQUEST');
  });
});
