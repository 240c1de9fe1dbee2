import type { Platform, PlatformParts } from '../../jobs/platform.ts';
import { behindForMs } from '../../jobs/staleness.ts';
import { toEndpoints } from '../../kubernetes/api-endpoints.ts';
import { ApiServerHealth } from '../../kubernetes/api-server-health.ts';
import { CallMetrics } from '../../kubernetes/call-metrics.ts';
import { createApiClient } from '../../kubernetes/http-client.ts';
import { LeaseLeadership } from '../../kubernetes/lease.ts';
import { MonitoredClient } from '../../kubernetes/monitored-client.ts';
import { SecretJobStore } from '../../stores/secrets/secret-job-store.ts';
import { SharedSecrets } from '../../stores/secrets/shared-secrets.ts';
import { KubeflowRunner } from './kubeflow-runner.ts';
import { trainJobPlanCodec } from './trainjob/plan.ts';
import { findSharedSecrets } from './trainjob/shared-secrets.ts';

/** Of all readers together. */
const MAX_LOG_CONNECTIONS = 1024;

/**
 * Records as Secrets, jobs as TrainJobs, leadership by a Lease, all in the jobs namespace of the
 * cluster that the environment describes.
 * @throws ConfigError when it describes none.
 */
export async function createKubernetesPlatform(parts: PlatformParts): Promise<Platform> {
  const { backend, config, clock, random, logger } = parts;
  const userAgent = `trainer-${backend}-api`;
  const health = new ApiServerHealth({
    ...{ clock, logger },
    behindForMs: () => behindForMs({ store, runner }),
  });
  const metrics = new CallMetrics(clock);
  const connect = async (options: { readonly maxConnections?: number } = {}) => {
    const client = await createApiClient({ clock, userAgent, ...options });
    return new MonitoredClient({ client, clock, health, metrics });
  };
  const client = await connect();
  // Whatever waits for a connection of the others must not keep the leader from renewing.
  const leaseClient = await connect();
  // A reader of a log has a connection for each node, for as long as it reads.
  const logsClient = await connect({ maxConnections: MAX_LOG_CONNECTIONS });
  const shared = { client, clock, random, logger, backend, namespace: config.jobsNamespace };
  const leadership = new LeaseLeadership({ ...shared, client: leaseClient });
  const store = new SecretJobStore({ ...shared, planCodec: trainJobPlanCodec });
  const findJobId = (name: string) => store.getCached(name)?.id;
  const runner = new KubeflowRunner({ ...shared, logsClient, config, leadership, findJobId });
  const sharedSecrets = new SharedSecrets(shared);
  const { address, port } = client.endpoint();
  return {
    store,
    runner,
    leadership,
    cluster: address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
    readSharedSecrets: ({ plan }) => sharedSecrets.read(findSharedSecrets(plan, config)),
    apiEndpoints: await toEndpoints({ address, port }),
    degradedReason: () => health.degradedReason(),
    registerMetrics: (registry) => metrics.register(registry),
    open: async () => {
      await Promise.all([store.open(), runner.open(), leadership.open()]);
    },
    close: async () => {
      // Leadership goes first, so that another replica need not wait for its lease to run out.
      await leadership.close();
      await Promise.all([runner.close(), store.close()]);
      await Promise.all([client.close(), leaseClient.close(), logsClient.close()]);
      health.close();
    },
  };
}
