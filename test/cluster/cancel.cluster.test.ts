import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { ServiceFixture } from './service-fixture.ts';

const TRAINER_API = '/apis/trainer.kubeflow.org/v1alpha1';

describe('cancelling on a real control plane', () => {
  let service: ServiceFixture;

  beforeAll(async () => {
    service = await ServiceFixture.start({
      kubeconfigPath: inject('kubeconfigPath'),
      backend: 'hf-unsloth',
      env: { TRAINER_JOB_TTL_SECONDS: '3', TRAINER_TRAINJOB_TTL_SECONDS: '1' },
    });
  });
  afterAll(() => service?.close());

  const submit = async (extra_parameters: Record<string, unknown>) => {
    const request = await service.request({ extra_parameters });
    const { body } = await service.submit(request);
    return { request, id: request.job_id, name: body.backend_job_id };
  };
  /** Nothing announces to an outsider that the last pod of a job has gone. */
  const untilNothingRuns = (name: string) =>
    vi.waitFor(
      async () => {
        expect(await service.list(TRAINER_API, 'trainjobs')).not.toContain(name);
        const pods = await service.list('/api/v1', 'pods');
        expect(pods.filter((pod) => pod.startsWith(name))).toEqual([]);
      },
      { timeout: 60_000, interval: 200 },
    );

  it.each([
    ['running', { trainer_args: ['--testbed-outcome=never'] }, 'RUNNING'],
    [
      'waiting for its image',
      { trainer_args: ['--testbed-outcome=image-pull'] },
      'IMAGE_PULL_FAILED',
    ],
    [
      'loading its dataset',
      {
        runtime_ref: { name: 'with-initializers-runtime' },
        trainer_args: ['--testbed-outcome=never'],
      },
      'INITIALIZING',
    ],
    [
      'queued',
      { queue_name: 'nobody-admits', trainer_args: ['--testbed-outcome=never'] },
      'QUEUED',
    ],
  ])('frees everything of a job that is %s, and keeps its record', async (_, extra, reason) => {
    const { id, name } = await submit(extra);
    await service.toldWhy(id, reason);
    const { body } = await service.cancel(id);
    expect(body).toMatchObject({ status: 'cancelled', detail: 'Job cancellation requested' });
    expect((await service.cancel(id)).body.detail).toBe('Job already cancelled');
    await service.told(id, 'cancelled');
    await untilNothingRuns(name);
  });

  it('leaves the end of a job that has ended as it is', async () => {
    const { id } = await submit({ trainer_args: ['--testbed-run-ms=100'] });
    await service.told(id, 'succeeded');
    const { body } = await service.cancel(id);
    expect(body).toMatchObject({ status: 'succeeded', detail: 'Job already succeeded' });
  });

  it('tells of a TrainJob that somebody else deleted', async () => {
    const { id, name } = await submit({ trainer_args: ['--testbed-outcome=never'] });
    await service.told(id, 'running');
    const path = `${TRAINER_API}/namespaces/${service.cluster.namespace}/trainjobs/${name}`;
    await service.cluster.admin.call({ method: 'DELETE', path });
    expect((await service.told(id, 'cancelled')).json.reason).toBe('DELETED');
  });

  it('runs the same id again once the first job has expired', async () => {
    const { request, id, name } = await submit({ trainer_args: ['--testbed-run-ms=100'] });
    await service.told(id, 'succeeded');
    await vi.waitFor(async () => expect((await service.get(id)).status).toBe(404), {
      timeout: 60_000,
      interval: 200,
    });
    const again = await service.submit(request);
    expect(again.headers.get('idempotent-replayed')).toBeNull();
    expect(again.body.backend_job_id).toBe(name);
    await service.told(id, 'succeeded');
  });
});
