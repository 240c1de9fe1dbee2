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
    await create(service.path(KUEUE_API, 'localqueues'), {
      ...{ kind: 'LocalQueue', metadata: { name: QUEUE }, spec: { clusterQueue } },
    });
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
  const submit = async () => {
    const body = await service.request({
      resources: { gpus: 1 },
      extra_parameters: { queue_name: QUEUE, trainer_args: NEVER },
    });
    expect((await service.submit(body)).body).toMatchObject({ status: 'submitted' });
    return body.job_id;
  };
  const detailOf = async (id: string) => (await service.get(id)).body.detail;
  const untilIsNumber = (id: string, place: number) =>
    until(
      `it is number ${place}`,
      async () =>
        (await detailOf(id)) === `Waiting in the queue ${QUEUE}, as number ${place} in it`,
      PATIENCE,
    );

  it('are told their places, which change as others leave', { timeout: 240_000 }, async () => {
    const first = await submit();
    await service.told(first, 'running');
    const second = await submit();
    await service.toldWhy(second, 'QUEUED');
    await untilIsNumber(second, 1);
    const third = await submit();
    await untilIsNumber(third, 2);

    await service.cancel(second);
    await untilIsNumber(third, 1);
    await service.cancel(first);
    await service.told(third, 'running');
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
