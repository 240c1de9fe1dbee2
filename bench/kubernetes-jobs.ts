import type { ApiClient, TestCluster } from '@trainer/common/testing/cluster';
import type { Child } from './child.ts';
import { toBody } from './example-request.ts';
import { applyLoad } from './load.ts';

const CONNECTIONS = 16;
const MERGE_PATCH = 'application/merge-patch+json';
const TRAINER_API = '/apis/trainer.kubeflow.org/v1alpha1';

/** Submits `${prefix}-1` to `${prefix}-${count}` through the service. */
export async function submitJobs(
  service: Child,
  prefix: string,
  count: number,
  toFurther: (jobId: string) => Readonly<Record<string, unknown>> = () => ({}),
): Promise<void> {
  let index = 0;
  await applyLoad(service.url, {
    connections: CONNECTIONS,
    next: () => {
      index += 1;
      if (index > count) return undefined;
      const jobId = `${prefix}-${index}`;
      return { method: 'POST', path: '/train', body: toBody(jobId, toFurther(jobId)) };
    },
  });
}

/** What Trainer writes into a TrainJob whose only node is up, and after its success. */
export const STATUSES = {
  running: {
    jobsStatus: [{ name: 'node', active: 1, ready: 1, succeeded: 0, failed: 0, suspended: 0 }],
  },
  /** As of now. */
  get succeeded() {
    return {
      jobsStatus: [{ name: 'node', active: 0, ready: 0, succeeded: 1, failed: 0, suspended: 0 }],
      conditions: [
        {
          type: 'Complete',
          status: 'True',
          reason: 'AllJobsCompleted',
          message: 'jobset completed successfully',
          lastTransitionTime: new Date().toISOString(),
        },
      ],
    };
  },
} as const;

/** Plays Trainer's controller: writes the status of one TrainJob. */
export async function writeStatus(
  { admin, namespace }: Pick<TestCluster, 'admin' | 'namespace'>,
  name: string,
  status: keyof typeof STATUSES,
): Promise<void> {
  await admin.call({
    method: 'PATCH',
    path: `${TRAINER_API}/namespaces/${namespace}/trainjobs/${name}/status`,
    contentType: MERGE_PATCH,
    body: { status: STATUSES[status] },
  });
}

/** Names of all TrainJobs of the namespace. */
export async function listNames(admin: ApiClient, namespace: string): Promise<string[]> {
  const { items } = await admin.call<{ items: { metadata: { name: string } }[] }>({
    method: 'GET',
    path: `${TRAINER_API}/namespaces/${namespace}/trainjobs`,
    accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
    timeoutMs: 60_000,
  });
  return items.map(({ metadata }) => metadata.name);
}

/** Does `work` for all items, so many at a time. */
export async function forAll<T>(
  items: readonly T[],
  concurrency: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  const loop = async () => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: concurrency }, loop));
}
