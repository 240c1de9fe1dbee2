import { expect, test } from 'vitest';
import { makeTrainJob, RECORD_UID } from '../../../../test/make-train-job.ts';
import { toSeenTrainJob } from './train-job-object.ts';

const NOW_MS = Date.parse('2026-01-01T02:00:00Z');
const running = () => makeTrainJob().jobs({ node: { active: 1, ready: 1 } });

test('keeps what an observation needs and nothing else', () => {
  const whole = running()
    .metadata({
      resourceVersion: '7',
      labels: { 'kueue.x-k8s.io/queue-name': 'training', team: 'x' },
      ownerReferences: [
        { kind: 'CronJob', uid: 'other' },
        { kind: 'Secret', uid: RECORD_UID },
      ],
      managedFields: [{ subresource: 'status', time: '2026-01-01T01:59:59Z' }],
    })
    .spec({ trainer: { numNodes: 2, env: ['large'] } as never, activeDeadlineSeconds: 60 })
    .obj();
  expect(toSeenTrainJob(whole, undefined, NOW_MS)).toStrictEqual({
    metadata: {
      name: 'nemo-job',
      uid: 'train-job-uid',
      resourceVersion: '7',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { 'kueue.x-k8s.io/queue-name': 'training' },
      ownerReferences: [{ kind: 'Secret', uid: RECORD_UID }],
    },
    spec: { activeDeadlineSeconds: 60, trainer: { numNodes: 2 } },
    status: whole.status,
    startedAtMs: NOW_MS,
  });
});

test('keeps no field that the object has not, and that it is being deleted', () => {
  const metadata = { name: 'nemo-job', uid: 'u', resourceVersion: '7' };
  const bare = { metadata, startedAtMs: undefined };
  expect(toSeenTrainJob({ metadata }, undefined, NOW_MS)).toStrictEqual({ ...bare, spec: {} });
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  const { metadata: kept } = toSeenTrainJob(
    { metadata: { ...metadata, deletionTimestamp } },
    undefined,
    NOW_MS,
  );
  expect(kept).toStrictEqual({ ...metadata, deletionTimestamp });
});

test('a start is noted once per run', () => {
  const pending = toSeenTrainJob(makeTrainJob().obj(), undefined, NOW_MS);
  expect(pending.startedAtMs).toBeUndefined();
  const started = toSeenTrainJob(running().obj(), pending, NOW_MS);
  const later = toSeenTrainJob(
    makeTrainJob().conditions({ Complete: {} }).obj(),
    started,
    NOW_MS + 9,
  );
  expect(later.startedAtMs).toBe(NOW_MS);
  const nextRun = running().metadata({ uid: 'second-run' }).obj();
  expect(toSeenTrainJob(nextRun, later, NOW_MS + 10).startedAtMs).toBe(NOW_MS + 10);
});

test('a run that went on before this process looked started no later than its status was written', () => {
  const managedFields = [
    { time: '2026-01-01T00:00:00Z' },
    { subresource: 'status', time: '2026-01-01T01:00:00Z' },
  ];
  const old = running().metadata({ managedFields }).obj();
  expect(toSeenTrainJob(old, undefined, NOW_MS).startedAtMs).toBe(
    Date.parse('2026-01-01T01:00:00Z'),
  );
});

test('the start of a run that was first seen ended is not known', () => {
  for (const type of ['Complete', 'Failed']) {
    const ended = running()
      .conditions({ [type]: {} })
      .obj();
    expect(toSeenTrainJob(ended, undefined, NOW_MS).startedAtMs).toBeUndefined();
  }
});
