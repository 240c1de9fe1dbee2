import { createLogger, createService, parseConfig } from '@trainer/common';
import { createApiClient, PodLogs, systemClock } from '@trainer/common/testing/internals';
import { services } from '@trainer/services';

/* A service on the mock that reads logs as one on Kubernetes does, from the API server of KUBECONFIG. */

const service = services.find(({ name }) => name === 'hf-unsloth');
if (service === undefined) throw new Error('There is no service.');
const { backend } = service;
const config = parseConfig(backend.defaults);
const logger = createLogger(backend.name, config);
const client = await createApiClient({ maxConnections: 1024 });
const logs = new PodLogs({ client, clock: systemClock, logger, namespace: 'jobs' });
const run = { hasEnded: () => false, watch: () => () => {} };
const { listen, close } = await createService({
  ...{ backend, config, logger },
  decorate: {
    platform: (platform) => {
      platform.runner.readLogs = (record, query, signal) => logs.open(record, query, run, signal);
      return platform;
    },
    webhookClient: (webhooks) => webhooks,
  },
});
process.once('SIGTERM', () => void close().then(() => client.close()));
await listen();
