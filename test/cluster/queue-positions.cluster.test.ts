import { randomUUID } from 'node:crypto';
import { until } from '@trainer/testbed';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { InstalledAccount } from '../end-to-end/installed-account.ts';
import { ServiceFixture } from './service-fixture.ts';

const backend = 'hf-unsloth';
const KUEUE_API = '/apis/kueue.x-k8s.io/v1beta2';
const QUEUE = 'narrow';
const NEVER = ['--testbed-outcome=never'];
/** Positions are asked for every 15 s. */
const PATIENCE = { timeoutMs: 90_000 };

describe('jobs that wait in a queue of Kueue', () => {
  const clusterQueue = `narrow-${randomUUID().slice(0, 8)}`;
  let service: ServiceFixture;
  beforeAll(async () => {
    const kubeconfigPath = inject('kubeconfigPath');
    const account = await InstalledAccount.create(kubeconfigPath, `${backend}-api`);
    service = await ServiceFixture.start({ kubeconfigPath, backend, account });
    await create(`${KUEUE_API}/clusterqueues`, {
      ...{ kind: 'ClusterQueue', metadata: { name: clusterQueue } },
      spec: { namespaceSelector: {}, resourceGroups: [roomForOne] },
    });
    await createQueue(QUEUE);
  });
  afterAll(async () => {
    const path = `${KUEUE_API}/clusterqueues/${clusterQueue}`;
    await service?.cluster.admin.call({ method: 'DELETE', path });
    await service?.close();
  });

  const create = (path: string, body: object) =>
    service.cluster.admin.call({
      ...{ method: 'POST', path, body: { apiVersion: 'kueue.x-k8s.io/v1beta2', ...body } },
    });
  const submit = async ({ gpus = 1, queue = QUEUE } = {}) => {
    const body = await service.request({
      resources: { gpus },
      extra_parameters: { queue_name: queue, trainer_args: NEVER },
    });
    expect((await service.submit(body)).body).toMatchObject({ status: 'submitted' });
    return body.job_id;
  };
  const createQueue = (name: string) =>
    create(service.path(KUEUE_API, 'localqueues'), {
      ...{ kind: 'LocalQueue', metadata: { name }, spec: { clusterQueue } },
    });
  const untilIsNumber = (id: string, place: number) =>
    until(
      `it is number ${place}`,
      async () => {
        const { detail } = (await service.get(id)).body;
        return detail.startsWith(`Waiting in the queue ${QUEUE}, as number ${place} in it`);
      },
      PATIENCE,
    );

  it('are told their places, which change as others leave', { timeout: 240_000 }, async () => {
    const first = await submit();
    await service.told(first, 'running');
    const second = await submit();
    await service.toldWhy(second, 'WAITING_FOR_QUOTA');
    await untilIsNumber(second, 1);
    expect((await service.get(second)).body).toMatchObject({
      ...{ status: 'submitted', reason: 'WAITING_FOR_QUOTA', phase: 'queued' },
      detail: expect.stringMatching(/: .*insufficient unused quota for nvidia\.com\/gpu .* 1 more/),
      phases: expect.arrayContaining([expect.objectContaining({ owner: 'quota', ended_at: null })]),
    });
    const third = await submit();
    await untilIsNumber(third, 2);

    await service.cancel(second);
    await untilIsNumber(third, 1);
    await service.cancel(first);
    await service.told(third, 'running');
    const { phases } = (await service.get(third)).body;
    const owners = phases.map(({ owner }: { owner: string }) => owner);
    expect(owners).toContain('quota');
    expect(owners.slice(owners.indexOf('quota'))).not.toContain('queue');
    await service.cancel(third);
  });

  it('are told that their queue never has as much as they ask for', async () => {
    const job = await submit({ gpus: 5 });
    await service.toldWhy(job, 'QUEUE_CAPACITY_EXCEEDED');
    expect((await service.get(job)).body).toMatchObject({
      status: 'submitted',
      detail: expect.stringMatching(
        /^The job asks for more than the queue narrow ever has: .*nvidia\.com\/gpu.* > maximum capacity \(1\)/,
      ),
    });
    await service.cancel(job);
  });

  it('are told that there is no such queue, until there is', async () => {
    const job = await submit({ queue: 'late' });
    await service.toldWhy(job, 'QUEUE_MISCONFIGURED');
    expect((await service.get(job)).body).toMatchObject({
      status: 'submitted',
      detail: expect.stringMatching(/^The queue late cannot take the job: LocalQueue late /),
    });
    await createQueue('late');
    await service.told(job, 'running');
    await service.cancel(job);
  });
});

const roomForOne = {
  coveredResources: ['cpu', 'memory', 'ephemeral-storage', 'nvidia.com/gpu'],
  flavors: [
    {
      name: 'any-node',
      resources: [
        { name: 'cpu', nominalQuota: '10k' },
        { name: 'memory', nominalQuota: '100Ti' },
        { name: 'ephemeral-storage', nominalQuota: '100Ti' },
        { name: 'nvidia.com/gpu', nominalQuota: 1 },
      ],
    },
  ],
};
