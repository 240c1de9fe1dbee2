import { describe, expect, test } from 'vitest';
import { makeTrainJob, RECORD_UID, TRAIN_JOB_UID } from '../../../../test/make-train-job.ts';
import { type Diagnoses, type Diagnosis, NO_DIAGNOSES } from './diagnoses.ts';
import { hasEnded, hasUnexplainedFailure, toObservation } from './observation.ts';

const HOUR_ONE_MS = Date.parse('2026-01-01T01:00:00Z');

const waiting = (reason: Diagnosis['reason'], detail = 'why'): Diagnoses => ({
  waiting: { reason, detail },
  failure: undefined,
});
const failure = (reason: Diagnosis['reason'], detail = 'why'): Diagnoses => ({
  waiting: undefined,
  failure: { reason, detail },
});

const inQueue = () =>
  makeTrainJob()
    .metadata({ labels: { 'kueue.x-k8s.io/queue-name': 'training' } })
    .conditions({ Suspended: { reason: 'Suspended' } })
    .jobs({ node: {} });

describe('toObservation', () => {
  test.each([
    ['no status yet', makeTrainJob(), undefined, 'submitted ACCEPTED: Job accepted for processing'],
    [
      'suspended by a queue',
      inQueue(),
      undefined,
      'submitted QUEUED: Waiting in the queue training',
    ],
    [
      'suspended by hand',
      makeTrainJob().conditions({ Suspended: {} }),
      undefined,
      'submitted QUEUED: Suspended until somebody resumes it',
    ],
    [
      'a suspension that JobSet did not carry out',
      makeTrainJob()
        .conditions({ Suspended: {} })
        .jobs({ node: { active: 1, ready: 1 } }),
      undefined,
      'running RUNNING: Training is running on 1 of 1 node',
    ],
    [
      'resumed',
      makeTrainJob()
        .conditions({ Suspended: { status: 'False' } })
        .jobs({ node: {} }),
      undefined,
      'submitted PENDING: Waiting until 1 of 1 node is ready',
    ],
    [
      'initializers at work',
      makeTrainJob().jobs({
        node: {},
        'model-initializer': { active: 1, ready: 1 },
        'dataset-initializer': { active: 1 },
      }),
      undefined,
      'submitted INITIALIZING: Preparing the training: dataset-initializer and model-initializer',
    ],
    [
      'initializers done',
      makeTrainJob().jobs({ 'dataset-initializer': { succeeded: 1 }, node: {} }),
      undefined,
      'submitted PENDING: Waiting until 1 of 1 node is ready',
    ],
    [
      'pods that are not ready',
      makeTrainJob()
        .nodes(2)
        .jobs({ node: { active: 1 } }),
      undefined,
      'submitted PENDING: Waiting until 2 of 2 nodes are ready',
    ],
    [
      'one of two Jobs of a kind whose pods are ready',
      makeTrainJob()
        .nodes(2)
        .jobs({ node: { active: 2, ready: 1 } }),
      undefined,
      'submitted PENDING: Waiting until 2 of 2 nodes are ready',
    ],
    [
      'all pods ready',
      makeTrainJob()
        .nodes(2)
        .jobs({ 'dataset-initializer': { succeeded: 1 }, node: { active: 1, ready: 1 } }),
      undefined,
      'running RUNNING: Training is running on 2 of 2 nodes',
    ],
    [
      'a launcher whose nodes are not ready',
      makeTrainJob()
        .nodes(2)
        .jobs({ launcher: { active: 1, ready: 1 }, node: { active: 1 } }),
      undefined,
      'submitted PENDING: Waiting until 2 of 2 nodes are ready',
    ],
    [
      'pods done, not yet Complete',
      makeTrainJob().jobs({ node: { succeeded: 1 } }),
      undefined,
      'running RUNNING: Training is running on 1 of 1 node',
    ],
    [
      'no node with room',
      makeTrainJob().jobs({ node: { active: 1 } }),
      waiting('INSUFFICIENT_RESOURCES', 'No GPU'),
      'submitted INSUFFICIENT_RESOURCES: No GPU',
    ],
    [
      'an initializer without its image',
      makeTrainJob().jobs({ 'dataset-initializer': { active: 1 }, node: {} }),
      waiting('IMAGE_PULL_FAILED', 'No image'),
      'submitted IMAGE_PULL_FAILED: No image',
    ],
    [
      'one of two kinds of Jobs at work beside an initializer that is done',
      makeTrainJob().jobs({ 'model-initializer': { succeeded: 1 }, node: { active: 1 } }),
      undefined,
      'submitted PENDING: Waiting until 1 of 1 node is ready',
    ],
    [
      'a TrainJob that names no number of nodes',
      makeTrainJob()
        .spec({ trainer: {} })
        .jobs({ node: { active: 1, ready: 1 } }),
      undefined,
      'running RUNNING: Training is running on 1 of 1 node',
    ],
    [
      'suspended, after a refusal that has been overcome',
      makeTrainJob().conditions({ Suspended: {} }).jobs({ node: {} }),
      waiting('RUNTIME_REJECTED', 'It refused'),
      'submitted QUEUED: Suspended until somebody resumes it',
    ],
    [
      'a JobSet that was refused',
      makeTrainJob().conditions({ Suspended: {} }),
      waiting('RUNTIME_REJECTED', 'It refuses'),
      'submitted RUNTIME_REJECTED: It refuses',
    ],
    [
      'a finding that is behind',
      makeTrainJob().jobs({ node: { active: 1, ready: 1 } }),
      waiting('IMAGE_PULL_FAILED'),
      'running RUNNING: Training is running on 1 of 1 node',
    ],
    [
      'Complete',
      makeTrainJob()
        .conditions({
          Suspended: { status: 'False' },
          Complete: { reason: 'AllJobsCompleted', message: 'jobset completed successfully' },
        })
        .jobs({ node: { succeeded: 1 } }),
      undefined,
      'succeeded COMPLETED: Training completed',
    ],
    [
      'Failed, unexplained',
      makeTrainJob().conditions({ Failed: { reason: 'FailedJobs', message: 'one job failed' } }),
      undefined,
      'failed TRAINING_FAILED: one job failed',
    ],
    [
      'Failed by exit code',
      makeTrainJob().conditions({ Failed: { reason: 'FailedJobs', message: 'm' } }),
      failure('POD_FAILED', 'exit code 3'),
      'failed POD_FAILED: exit code 3',
    ],
    [
      'Failed by a policy of the runtime',
      makeTrainJob().conditions({ Failed: { reason: 'FailJobSetFailurePolicyAction' } }),
      undefined,
      'failed TRAINING_FAILED: Training failed',
    ],
    [
      'Failed after restarts',
      makeTrainJob().conditions({ Failed: { reason: 'ReachedMaxRestarts', message: 'm' } }),
      failure('POD_FAILED', 'exit code 3'),
      'failed MAX_RESTARTS_REACHED: exit code 3 (after its last restart)',
    ],
    [
      'Failed after restarts, unexplained',
      makeTrainJob().conditions({ Failed: { reason: 'ReachedMaxRestarts', message: 'm' } }),
      undefined,
      'failed MAX_RESTARTS_REACHED: m',
    ],
    [
      'for a cause that our own runtime names after restarts',
      makeTrainJob().conditions({ Failed: { reason: 'ReachedMaxRestarts' } }),
      failure('UPLOAD_FAILED', 'the bucket is gone'),
      'failed UPLOAD_FAILED: the bucket is gone (after its last restart)',
    ],
    [
      'out of memory after restarts',
      makeTrainJob().conditions({ Failed: { reason: 'ReachedMaxRestarts' } }),
      failure('OUT_OF_MEMORY', 'no memory'),
      'failed OUT_OF_MEMORY: no memory (after its last restart)',
    ],
    [
      'a kind of runtime that Trainer does not know',
      makeTrainJob().conditions({
        Failed: { reason: 'TrainingRuntimeNotSupported', message: 'x' },
      }),
      undefined,
      'failed RUNTIME_REJECTED: x',
    ],
    [
      'deadline while training',
      makeTrainJob()
        .spec({ activeDeadlineSeconds: 60 })
        .conditions({ Failed: { reason: 'DeadlineExceeded' } })
        .jobs({ node: { active: 1, ready: 1 } }),
      undefined,
      'failed DEADLINE_EXCEEDED: Its time limit of 60 seconds was reached while it was training',
    ],
    [
      'deadline after one of two kinds of Jobs was done',
      makeTrainJob()
        .conditions({ Failed: { reason: 'DeadlineExceeded' } })
        .jobs({ launcher: { succeeded: 1 }, node: { active: 1 } }),
      undefined,
      'failed DEADLINE_EXCEEDED: Its time limit was reached while it was training',
    ],
    [
      'deadline after a node failed',
      makeTrainJob()
        .conditions({ Failed: { reason: 'DeadlineExceeded' } })
        .jobs({ node: { failed: 1 } }),
      undefined,
      'failed DEADLINE_EXCEEDED: Its time limit was reached while it was training',
    ],
    [
      'deadline after its data had come, and no more',
      makeTrainJob()
        .conditions({ Failed: { reason: 'DeadlineExceeded' } })
        .jobs({ 'dataset-initializer': { succeeded: 1 }, node: { active: 1 } }),
      undefined,
      'failed DEADLINE_EXCEEDED: Its time limit was reached while it still waited to start',
    ],
    [
      'deadline before anything ran',
      makeTrainJob()
        .spec({ activeDeadlineSeconds: 60 })
        .conditions({ Failed: { reason: 'DeadlineExceeded' } })
        .jobs({ node: { active: 1 } }),
      waiting('INSUFFICIENT_RESOURCES', 'No GPU'),
      'failed DEADLINE_EXCEEDED: Its time limit of 60 seconds was reached while it still waited to start: No GPU',
    ],
  ])('%s', (_, trainJob, diagnoses, expected) => {
    const { status, reason, detail } = toObservation(trainJob.seen(), diagnoses);
    expect(`${status} ${reason}: ${detail}`).toBe(expected);
  });

  test('tells whose it is, and that it is on its way out', () => {
    const seen = makeTrainJob().seen();
    expect(toObservation(seen)).toMatchObject({
      exists: true,
      runId: TRAIN_JOB_UID,
      recordUid: RECORD_UID,
      isStopping: false,
      isDiagnosed: false,
    });
    const foreign = makeTrainJob()
      .metadata({ ownerReferences: [{ kind: 'CronJob', uid: RECORD_UID }] })
      .metadata({ deletionTimestamp: '2026-01-01T00:00:00Z' });
    expect(toObservation(foreign.seen())).toMatchObject({ recordUid: undefined, isStopping: true });
  });

  test('needs neither owners nor a spec', () => {
    const { name, uid, resourceVersion } = makeTrainJob().obj().metadata;
    const bare = { metadata: { name, uid, resourceVersion }, startedAtMs: undefined };
    expect(toObservation(bare)).toMatchObject({ recordUid: undefined, reason: 'ACCEPTED' });
    const conditions = [{ type: 'Failed', status: 'True', reason: 'DeadlineExceeded' }];
    expect(toObservation({ ...bare, status: { conditions } }).detail).toBe(
      'Its time limit was reached while it still waited to start',
    );
  });

  test('says whether the pods were looked at', () => {
    expect(toObservation(makeTrainJob().seen(), waiting('PENDING')).isDiagnosed).toBe(true);
  });

  test('an end that nobody saw begin takes its start from the pods', () => {
    const pods: Diagnoses = { ...failure('POD_FAILED'), startedAtMs: HOUR_ONE_MS - 1000 };
    const failed = makeTrainJob().conditions({ Failed: { reason: 'FailedJobs' } });
    expect(toObservation(failed.seen(), pods).startedAtMs).toBe(HOUR_ONE_MS - 1000);
    expect(toObservation(failed.seen(HOUR_ONE_MS - 5), pods).startedAtMs).toBe(HOUR_ONE_MS - 5);
    expect(toObservation(failed.seen()).startedAtMs).toBeUndefined();
    // Pods begin one after the other, so that a run that goes on may not have started.
    const pending = makeTrainJob().jobs({ node: { active: 1 } });
    expect(toObservation(pending.seen(), pods).startedAtMs).toBeUndefined();
  });

  test('quotes the last words of what failed, and at a deadline of what it waited for', () => {
    const said = (found: Diagnoses): Diagnoses => ({
      waiting: found.waiting && { ...found.waiting, lastWords: 'no disk' },
      failure: found.failure && { ...found.failure, lastWords: 'Killed' },
    });
    const end = (reason: string) => makeTrainJob().conditions({ Failed: { reason } });
    const words = (reason: string, found: Diagnoses, startedAtMs?: number) =>
      toObservation(end(reason).seen(startedAtMs), said(found)).lastWords;
    expect(words('FailedJobs', failure('OUT_OF_MEMORY'))).toBe('Killed');
    expect(words('DeadlineExceeded', waiting('POD_BLOCKED'))).toBe('no disk');
    expect(words('DeadlineExceeded', waiting('POD_BLOCKED'), 1)).toBeUndefined();
  });

  test('ends no earlier than it started, although conditions carry whole seconds', () => {
    const complete = makeTrainJob().conditions({ Complete: {} });
    expect(toObservation(complete.seen()).endedAtMs).toBe(HOUR_ONE_MS);
    expect(toObservation(complete.seen(HOUR_ONE_MS + 400))).toMatchObject({
      startedAtMs: HOUR_ONE_MS + 400,
      endedAtMs: HOUR_ONE_MS + 400,
    });
  });

  test('a deadline after a start that only this process saw was no waiting', () => {
    const late = makeTrainJob()
      .conditions({ Failed: { reason: 'DeadlineExceeded' } })
      .jobs({ node: { active: 1 } });
    expect(toObservation(late.seen(1)).detail).toBe(
      'Its time limit was reached while it was training',
    );
  });

  test('shows a text from outside on one line, short, and without the secrets of its URLs', () => {
    const message = `cannot read https://me:pw@store/x?sig=abc\n\tbecause ${'of '.repeat(400)}`;
    const { detail } = toObservation(
      makeTrainJob()
        .conditions({ Failed: { reason: 'FailedJobs', message } })
        .seen(),
    );
    expect(detail).toMatch(
      /^cannot read https:\/\/\[redacted\]@store\/x\?\[redacted\] because of of .*…$/,
    );
    expect(detail.length).toBeLessThanOrEqual(500);
  });

  test('takes progress from the trainer, and of its metrics those that are numbers', () => {
    const metrics = [
      { name: 'loss', value: '0.25' },
      { name: 'lr', value: '5e-05' },
      { name: 'nan', value: 'NaN' },
      { name: 'inf', value: 'Infinity' },
      { name: 'text', value: 'high' },
      { name: 'empty', value: ' ' },
      { name: 'number', value: 1 },
      { name: 7, value: '1' },
      { name: '', value: '1' },
      { name: 'n'.repeat(65), value: '1' },
      { name: 'n'.repeat(64), value: '1' },
    ];
    const status = {
      trainerStatus: { progressPercentage: 40, estimatedRemainingSeconds: 90, metrics },
    };
    expect(toObservation(makeTrainJob().status(status).seen()).progress).toEqual({
      percentage: 40,
      estimated_remaining_seconds: 90,
      metrics: { loss: 0.25, lr: 0.00005, ['n'.repeat(64)]: 1 },
    });
    expect(toObservation(makeTrainJob().status({ trainerStatus: {} }).seen()).progress).toEqual({
      percentage: null,
      estimated_remaining_seconds: null,
      metrics: {},
    });
    expect(toObservation(makeTrainJob().seen()).progress).toBeUndefined();
  });

  test('keeps 32 metrics at most', () => {
    const metrics = Array.from({ length: 256 }, (_, index) => ({ name: `m${index}`, value: '1' }));
    const seen = makeTrainJob().status({ trainerStatus: { metrics } }).seen();
    expect(Object.keys(toObservation(seen).progress?.metrics ?? {})).toHaveLength(32);
  });
});

test('a failure is explained by pods unless the deadline or an end without fault is its reason', () => {
  const isOpen = (conditions: Parameters<ReturnType<typeof makeTrainJob>['conditions']>[0]) =>
    hasUnexplainedFailure(makeTrainJob().conditions(conditions).seen());
  expect(isOpen({ Failed: { reason: 'FailedJobs' } })).toBe(true);
  expect(isOpen({ Failed: { reason: 'DeadlineExceeded' } })).toBe(false);
  expect(isOpen({ Failed: { status: 'False' } })).toBe(false);
  expect(isOpen({ Complete: {} })).toBe(false);
});

describe('what its queue holds is told', () => {
  test.each([
    ['QUEUED', 2, 'Waiting in the queue training, as number 2 in it: why'],
    ['QUEUED', undefined, 'Waiting in the queue training: why'],
    ['WAITING_FOR_QUOTA', 3, 'Waiting in the queue training, as number 3 in it: why'],
    ['QUEUE_MISCONFIGURED', undefined, 'The queue training cannot take the job: why'],
    ['QUEUE_CAPACITY_EXCEEDED', 1, 'The job asks for more than the queue training ever has: why'],
  ] as const)(
    'tells %s of one that its queue holds, in the words of Kueue',
    (reason, position, detail) => {
      const finding = { reason, detail: 'why' };
      const standing = { position, finding, isComplete: true };
      expect(toObservation(inQueue().seen(), undefined, standing)).toMatchObject({
        ...{ status: 'submitted', reason, detail, isDiagnosed: true, hasLiveDetail: true },
      });
      const other = makeTrainJob().conditions({ Suspended: {} }).jobs({ node: {} });
      expect(toObservation(other.seen(), undefined, standing)).toMatchObject({
        detail: 'Suspended until somebody resumes it',
        isDiagnosed: false,
      });
    },
  );

  test('says nothing of a queue that it does not know yet, also where pods are known', () => {
    const seen = inQueue().seen();
    expect(toObservation(seen, NO_DIAGNOSES)).toMatchObject({
      ...{ reason: 'QUEUED', detail: 'Waiting in the queue training', isDiagnosed: false },
    });
    const asked = { position: undefined, finding: undefined, isComplete: true };
    expect(toObservation(seen, undefined, asked)).toMatchObject({ isDiagnosed: true });
    expect(toObservation(seen, undefined, asked)).not.toHaveProperty('hasLiveDetail');
  });
});

test('is over once Trainer says that it is Complete or Failed', () => {
  const isOver = (conditions: Parameters<ReturnType<typeof makeTrainJob>['conditions']>[0]) =>
    hasEnded(makeTrainJob().conditions(conditions).seen());
  expect(isOver({ Complete: {} })).toBe(true);
  expect(isOver({ Failed: {} })).toBe(true);
  expect(isOver({ Complete: { status: 'False' }, Suspended: {} })).toBe(false);
  expect(hasEnded(makeTrainJob().seen())).toBe(false);
});
