import { beforeEach, expect, it } from 'vitest';
import { FakeClock } from '../../test/fake-clock.ts';
import { makeDraft, makePayload } from '../../test/make-draft.ts';
import type { JobRecord } from '../jobs/job.ts';
import { MemoryJobStore } from '../jobs/memory-job-store.ts';
import { awaitRevision } from './await-revision.ts';
import { JobChanges } from './job-changes.ts';

let store: MemoryJobStore;
let clock: FakeClock;
let changes: JobChanges;
let record: JobRecord;
beforeEach(async () => {
  store = new MemoryJobStore();
  clock = new FakeClock();
  changes = new JobChanges(store);
  const created = await store.create(makeDraft('job'), makePayload());
  if (created.outcome !== 'created') throw new Error(created.outcome);
  ({ record } = created);
});

const wait = (signal = new AbortController().signal) =>
  awaitRevision({ store, clock, changes }, record, { after: 1, timeoutMs: 1000, signal });
const cancelled = () => ({ ...record.state, status: 'cancelled' as const });

it('waits for an event, and for no other change', async () => {
  const waiting = wait();
  const noted = await store.update(record, { runId: 'run' });
  expect(changes.size).toBe(1);
  await store.update(noted ?? record, { state: cancelled() });
  expect(await waiting).toBe(true);
  expect(changes.size).toBe(0);
});

it('gives up when the time is over or nobody waits any more, and leaves nothing behind', async () => {
  const late = wait();
  await clock.advance(1000);
  expect(await late).toBe(false);
  const left = new AbortController();
  const leaving = wait(left.signal);
  left.abort();
  expect(await leaving).toBe(false);
  expect(await wait(AbortSignal.abort())).toBe(false);
  expect(changes.size).toBe(0);
});

it('has news of a job that is gone, also where another has its name', async () => {
  const waiting = wait();
  await store.delete(record);
  expect(await waiting).toBe(true);
  await store.create(makeDraft('job'), makePayload());
  expect(await wait()).toBe(true);
});
