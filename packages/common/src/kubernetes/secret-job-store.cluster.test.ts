import { pino } from 'pino';
import { afterAll, beforeAll, inject } from 'vitest';
import { TestCluster } from '../../test/cluster/test-cluster.ts';
import { describeJobStore } from '../../test/job-store-contract.ts';
import { TEST_BACKEND } from '../../test/make-draft.ts';
import { systemClock } from '../clock.ts';
import { createApiClient } from './http-api-client.ts';
import { SecretJobStore } from './secret-job-store.ts';

let cluster: TestCluster;
let account: string;

beforeAll(async () => {
  cluster = await TestCluster.create(inject('kubeconfigPath'));
  account = await cluster.createAccount();
});
afterAll(() => cluster.close());

async function openStore(kubeconfigPath: string) {
  const client = await createApiClient({ kubeconfigPath });
  const store = new SecretJobStore({
    client,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
    backend: TEST_BACKEND,
    namespace: cluster.namespace,
  });
  await store.open();
  const close = async () => {
    await store.close();
    await client.close();
  };
  return { store, client, close };
}

describeJobStore('SecretJobStore', async () => {
  const [one, two] = await Promise.all([openStore(account), openStore(account)]);
  const close = async () => {
    await Promise.all([one.close(), two.close()]);
  };
  return { store: one.store, replica: two.store, close };
});
