import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { type KubeObject, ServiceFixture, TRAINER_API } from './service-fixture.ts';

const NEVER = ['--testbed-outcome=never'];
const KUEUE_API = '/apis/kueue.x-k8s.io/v1beta2';

describe('cancelling on a real control plane', () => {
  let service: ServiceFixture;

  beforeAll(async () => {
    service = await ServiceFixture.start({
      kubeconfigPath: inject('kubeconfigPath'),
      backend: 'hf-unsloth',
    });
  });
  afterAll(() => service?.close());

  const submit = async (extra_parameters: Record<string, unknown>) => {
    const request = await service.request({ extra_parameters });
    const { status, body } = await service.submit(request);
    expect(status).toBe(200);
    return { id: request.job_id, name: body.backend_job_id };
  };
  const cancel = async ({ id, name }: { id: string; name: string }) => {
    const { body } = await service.cancel(id);
    expect(body).toMatchObject({ status: 'cancelled', detail: 'Job cancellation requested' });
    expect((await service.cancel(id)).body.detail).toBe('Job already cancelled');
    await service.told(id, 'cancelled');
    await service.untilNothingRuns(name);
  };

  /** A runtime of the jobs' namespace that is as the service's own. */
  const createRuntime = async (name: string) => {
    const { admin } = service.cluster;
    const { spec } = await admin.call<{ spec: object }>({
      method: 'GET',
      path: `${TRAINER_API}/clustertrainingruntimes/hf-unsloth-runtime`,
    });
    const labels = { 'trainer.kubeflow.org/framework': 'torch' };
    const apiVersion = 'trainer.kubeflow.org/v1alpha1';
    await admin.call({
      method: 'POST',
      path: service.path(TRAINER_API, 'trainingruntimes'),
      body: { apiVersion, kind: 'TrainingRuntime', metadata: { name, labels }, spec },
    });
  };
  /** Also from under a job, which Trainer keeps people from by a finalizer. */
  const removeRuntime = async (name: string) => {
    const until = await service.follow(TRAINER_API, 'trainingruntimes');
    const isHeld = await service.remove(TRAINER_API, 'trainingruntimes', name);
    if (isHeld) await service.setFinalizers(TRAINER_API, 'trainingruntimes', name, []);
    await until((runtimes) => !runtimes.has(name));
  };

  it.each([
    ['running', { trainer_args: NEVER }, 'RUNNING'],
    [
      'waiting for its image',
      { trainer_args: ['--testbed-outcome=image-pull'] },
      'IMAGE_PULL_FAILED',
    ],
    [
      'loading its dataset',
      {
        runtime_ref: { name: 'with-initializers-runtime' },
        trainer_args: NEVER,
      },
      'INITIALIZING',
    ],
    ['queued', { queue_name: 'nobody-admits', trainer_args: NEVER }, 'QUEUED'],
  ])('frees everything of a job that is %s, and keeps its record', async (_, extra, reason) => {
    const job = await submit(extra);
    await service.toldWhy(job.id, reason);
    await cancel(job);
  });

  it('frees everything of a job that Kueue has admitted, its share of the queue included', async () => {
    const apiVersion = 'kueue.x-k8s.io/v1beta2';
    await service.cluster.admin.call({
      method: 'POST',
      path: service.path(KUEUE_API, 'localqueues'),
      body: {
        ...{ apiVersion, kind: 'LocalQueue', metadata: { name: 'admitting' } },
        spec: { clusterQueue: 'training' },
      },
    });
    const untilWorkloads = await service.follow(KUEUE_API, 'workloads');
    const job = await submit({ queue_name: 'admitting', trainer_args: NEVER });
    await service.told(job.id, 'running');
    const { uid } = (await service.read(TRAINER_API, 'trainjobs', job.name)).metadata;
    const ofJob = (workloads: ReadonlyMap<string, KubeObject>) =>
      [...workloads.values()].filter(({ metadata }) =>
        metadata.ownerReferences?.some((owner) => owner.uid === uid),
      );
    await untilWorkloads((workloads) => ofJob(workloads).some(isAdmitted));
    await cancel(job);
    await untilWorkloads((workloads) => ofJob(workloads).length === 0);
  });

  it('frees everything of a running job whose runtime was deleted meanwhile', async () => {
    await createRuntime('passing-runtime');
    const extra = {
      runtime_ref: { name: 'passing-runtime', kind: 'TrainingRuntime' },
      trainer_args: NEVER,
    };
    // Trainer learns of a new runtime by a watch of its own, and refuses its jobs until then.
    const job = await vi.waitFor(() => submit(extra), { timeout: 10_000, interval: 100 });
    await service.told(job.id, 'running');
    await removeRuntime('passing-runtime');
    await cancel(job);
  });

  it('leaves the end of a job that has ended as it is', async () => {
    const { id } = await submit({ trainer_args: ['--testbed-run-ms=100'] });
    await service.told(id, 'succeeded');
    const { body } = await service.cancel(id);
    expect(body).toMatchObject({ status: 'succeeded', detail: 'Job already succeeded' });
  });

  it('tells of a TrainJob that somebody else deleted', async () => {
    const { id, name } = await submit({ trainer_args: NEVER });
    await service.told(id, 'running');
    await service.remove(TRAINER_API, 'trainjobs', name);
    expect((await service.told(id, 'cancelled')).json.reason).toBe('DELETED');
  });
});

function isAdmitted(workload: KubeObject): boolean {
  const { status } = workload as { status?: { conditions?: { type: string; status: string }[] } };
  return (
    status?.conditions?.some(({ type, status }) => type === 'Admitted' && status === 'True') ===
    true
  );
}
