import { Registry } from 'prom-client';
import { beforeEach, expect, test } from 'vitest';
import { makeDraft } from '../../test/make-draft.ts';
import type { JobRecord, JobState } from '../jobs/job.ts';
import { MemoryJobStore } from '../jobs/memory-job-store.ts';
import { PhaseMetrics } from './phase-metrics.ts';

const PAYLOAD = { asked: { first: {}, second: {} }, plan: {}, echo: {}, secrets: {} };

let store: MemoryJobStore;
let isLeader: boolean;
beforeEach(() => {
  store = new MemoryJobStore();
  isLeader = true;
});

function follow() {
  const registry = new Registry();
  new PhaseMetrics({ registry, store, leadership: { isLeader: () => isLeader } }).start();
  return async () => {
    const [metric] = await registry.getMetricsAsJSON();
    const values = (metric?.values ?? []) as { labels: Record<string, string>; value: number }[];
    return Object.fromEntries(
      values.map(({ labels, value }) => [`${labels.phase} ${labels.owner}`, value]),
    );
  };
}
async function create(id: string): Promise<JobRecord> {
  const created = await store.create(makeDraft(id), { ...PAYLOAD, callback: undefined });
  if (created.outcome === 'taken') throw new Error(created.detail);
  return created.record;
}
async function change(record: JobRecord, state: Partial<JobState>, second: number) {
  const observedAtMs = record.createdAtMs + second * 1000;
  const times =
    state.status === 'running'
      ? { startedAtMs: observedAtMs }
      : state.status === 'failed'
        ? { endedAtMs: observedAtMs }
        : {};
  const next = { ...record.state, ...state, ...times, observedAtMs };
  const updated = await store.update(record, { state: next });
  if (updated === undefined) throw new Error('not updated');
  return updated;
}

test('the time of each phase is counted once it is over', async () => {
  const read = follow();
  let record = await create('job-1');
  record = await change(record, { reason: 'INSUFFICIENT_RESOURCES' }, 5);
  record = await change(record, { status: 'running', reason: 'RUNNING' }, 65);
  expect(await read()).toEqual({
    ...{ 'queued service': 5, 'queued scheduler': 60, 'training training': 0 },
  });
  record = await change(record, { status: 'failed', reason: 'POD_FAILED' }, 100);
  await store.update(record, { areCredentialsGone: true });
  expect(await read()).toMatchObject({ 'queued scheduler': 60, 'training training': 35 });
});

test('what was before this process, or is another leader’s, is not counted', async () => {
  let record = await create('job-1');
  record = await change(record, { reason: 'QUEUED' }, 5);
  const read = follow();
  isLeader = false;
  record = await change(record, { reason: 'QUOTA_EXCEEDED' }, 15);
  isLeader = true;
  record = await change(record, { status: 'running', reason: 'RUNNING' }, 45);
  expect(await read()).toEqual({
    ...{ 'queued service': 0, 'queued quota': 30, 'training training': 0 },
  });
});

test('a later job of the same name begins anew', async () => {
  const read = follow();
  const first = await create('job-1');
  await store.delete(first);
  const second = await create('job-1');
  await change(second, { reason: 'QUEUED' }, 7);
  expect((await read())['queued service']).toBe(7);
});
