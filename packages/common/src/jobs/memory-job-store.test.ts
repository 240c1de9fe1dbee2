import { describeJobStore } from '../../test/job-store-contract.ts';
import { MemoryJobStore } from './memory-job-store.ts';

describeJobStore('MemoryJobStore', async () => {
  const store = new MemoryJobStore();
  await store.open();
  return { store, replica: store, close: () => store.close() };
});
