import type { Platform, PlatformParts } from '../../jobs/platform.ts';
import { toEndpoints } from '../../kubernetes/api-endpoints.ts';
import { createApiClient } from '../../kubernetes/http-client.ts';
import { LeaseLeadership } from '../../kubernetes/lease.ts';
import { SecretJobStore } from '../../stores/secrets/secret-job-store.ts';
import { KubeflowRunner } from './kubeflow-runner.ts';
import { trainJobPlanCodec } from './trainjob/plan.ts';

/**
 * Records as Secrets, jobs as TrainJobs, leadership by a Lease, all in the jobs namespace of the
 * cluster that the environment describes.
 * @throws ConfigError when it describes none.
 */
export async function createKubernetesPlatform(parts: PlatformParts): Promise<Platform> {
  const { backend, config, clock, logger } = parts;
  const client = await createApiClient({ clock, userAgent: `trainer-${backend}-api` });
  const shared = { client, clock, logger, backend, namespace: config.jobsNamespace };
  const leadership = new LeaseLeadership(shared);
  const store = new SecretJobStore({ ...shared, planCodec: trainJobPlanCodec });
  const runner = new KubeflowRunner({ ...shared, config, leadership });
  return {
    store,
    runner,
    leadership,
    apiEndpoints: await toEndpoints(client.endpoint()),
    open: async () => {
      await Promise.all([store.open(), runner.open(), leadership.open()]);
    },
    close: async () => {
      // Leadership goes first, so that another replica need not wait for its lease to run out.
      await leadership.close();
      await Promise.all([runner.close(), store.close()]);
      await client.close();
    },
  };
}
