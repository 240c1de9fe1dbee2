import type { PlanAnswer } from '@trainer/common';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { InstalledAccount } from '../end-to-end/installed-account.ts';
import { ServiceFixture, TRAINER_API } from './service-fixture.ts';

const backend = 'hf-unsloth';
const NOT_ASKED = ['quota', 'pod security'];

describe('a plan on a real control plane, under the account of the service', () => {
  let service: ServiceFixture;
  let before: readonly string[];
  beforeAll(async () => {
    const kubeconfigPath = inject('kubeconfigPath');
    const account = await InstalledAccount.create(kubeconfigPath, `${backend}-api`);
    service = await ServiceFixture.start({ kubeconfigPath, backend, account });
    before = await listObjects();
  });
  afterAll(() => service?.close());

  /** The records, TrainJobs and claims that there are. */
  async function listObjects(): Promise<readonly string[]> {
    const [secrets, trainJobs, claims] = await Promise.all([
      service.list('/api/v1', 'secrets'),
      service.list(TRAINER_API, 'trainjobs'),
      service.list('/api/v1', 'persistentvolumeclaims'),
    ]);
    return [...secrets, ...trainJobs, ...claims];
  }

  it('is accepted as the job itself then is, and creates nothing', async () => {
    const request = await service.request({
      extra_parameters: { trainer_args: ['--testbed-outcome=never'] },
    });
    const { status, body } = await service.plan<PlanAnswer>(request);
    expect([status, body.valid, body.errors]).toEqual([200, true, []]);
    expect(body.admission).toEqual({ accepted: true, detail: null, not_asked: NOT_ASKED });
    expect(await listObjects()).toEqual(before);
    expect((await service.get(request.job_id)).status).toBe(404);

    const { body: job } = await service.submit(request);
    const { train_job: made } = (job.metadata.job_spec ?? {}) as { train_job?: object };
    expect(body.train_job).toMatchObject({ kind: 'TrainJob' });
    expect(body.train_job).toEqual(made);
    await service.cancel(request.job_id);
  });

  it('is told what admission refuses, in its words, and creates nothing', async () => {
    const request = await service.request({
      extra_parameters: { runtime_ref: { name: 'absent-runtime' } },
    });
    const was = await listObjects();
    const { status, body } = await service.plan<PlanAnswer>(request);
    expect([status, body.valid]).toEqual([200, false]);
    expect(body.admission).toMatchObject({
      ...{ accepted: false, not_asked: NOT_ASKED },
      detail: expect.stringContaining('absent-runtime'),
    });
    expect(await listObjects()).toEqual(was);
    expect((await service.get(request.job_id)).status).toBe(404);

    const refusal = await service.submit(request);
    expect(refusal).toMatchObject({ status: 400, body: { detail: body.admission?.detail } });
  });
});
