import { type Logger, pino } from 'pino';
import { systemClock } from '../../src/clock.ts';
import type { Platform } from '../../src/jobs/platform.ts';
import { LeaseLeadership } from '../../src/kubernetes/lease.ts';
import { KubeflowRunner } from '../../src/runners/kubeflow/kubeflow-runner.ts';
import { trainJobPlanCodec } from '../../src/runners/kubeflow/trainjob/plan.ts';
import { SecretJobStore } from '../../src/stores/secrets/secret-job-store.ts';
import { makeConfig } from '../builders.ts';
import { startTestService, TestBackend, type TestService } from '../start-test-service.ts';
import type { FakeApiServer } from './fake-api-server.ts';

/** The namespace of the jobs of such a service. */
export const NAMESPACE = 'jobs';

/** A backend that demands nothing, under the name that its records have. */
class NamedBackend extends TestBackend {
  override readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
  }
}

/** A whole service on a real socket, whose cluster is a fake API server. */
export function startFakeClusterService(
  server: FakeApiServer,
  backend: string,
  logger: Logger = pino({ level: 'silent' }),
): Promise<TestService> {
  return startTestService({
    backend: new NamedBackend(backend),
    logger,
    decorate: {
      platform: () => createFakePlatform(server, backend, logger),
      webhookClient: (client) => client,
    },
  });
}

function createFakePlatform(server: FakeApiServer, backend: string, logger: Logger): Platform {
  const client = server.connect();
  const shared = { client, clock: systemClock, random: Math.random, logger, backend };
  const parts = { ...shared, namespace: NAMESPACE };
  const leadership = new LeaseLeadership(parts);
  const store = new SecretJobStore({ ...parts, planCodec: trainJobPlanCodec });
  const config = { ...makeConfig(), jobsNamespace: NAMESPACE };
  const runner = new KubeflowRunner({ ...shared, config, leadership });
  return {
    ...{ store, runner, leadership, apiEndpoints: [] },
    open: async () => {
      await Promise.all([store.open(), runner.open(), leadership.open()]);
    },
    close: async () => {
      await leadership.close();
      await Promise.all([runner.close(), store.close()]);
    },
  };
}
