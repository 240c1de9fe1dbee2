import { describe, expect, test } from 'vitest';
import { makeSeen, type Seen } from '../../test/builders.ts';
import { makeRecord } from '../../test/make-record.ts';
import { JOB_STATUSES } from '../requests/job-status.ts';
import { isTerminal, type JobState, toAcceptedState } from './job.ts';
import { type Observation, projectJob } from './observation.ts';

const T0 = Date.UTC(2026, 0, 1);
const NOW = T0 + 60_000;
const accepted = toAcceptedState(T0);
const running: JobState = {
  ...accepted,
  status: 'running',
  reason: 'RUNNING',
  detail: 'Training is running',
  startedAtMs: T0 + 1000,
};
const waiting = { status: 'submitted', reason: 'QUEUED', detail: 'Waits in a queue' } as const;
const pending = { status: 'submitted', reason: 'PENDING', detail: 'Not ready' } as const;
const preempted: JobState = { ...running, reason: 'PREEMPTED', detail: 'Stopped half way' };
const progress = { percentage: 50, estimated_remaining_seconds: 1, metrics: {} };

function project(state: JobState, seen: Observation | undefined) {
  const record = makeRecord({ uid: 'record-uid', state });
  const view = projectJob(record, seen, NOW);
  expect(view.record).toBe(record);
  return { ...view, isUnchanged: view.state === state };
}

test('three of the five statuses are ends', () => {
  expect(JOB_STATUSES.filter(isTerminal)).toEqual(['succeeded', 'failed', 'cancelled']);
});

describe('what a record says stands', () => {
  const terminal: JobState = { ...running, status: 'succeeded', endedAtMs: T0 + 2000 };

  test.each<[string, JobState, Observation | undefined]>([
    ['without any observation', accepted, undefined],
    ['without a run', running, { exists: false }],
    ['beside the run of another record', accepted, makeSeen({ recordUid: 'another' })],
    ['beside a run of nobody', accepted, makeSeen({ recordUid: undefined })],
    ['while the run is on its way out', accepted, makeSeen({ isStopping: true })],
    [
      'when the run has ended, since only the latch says so',
      running,
      makeSeen({ status: 'failed' }),
    ],
    ['when it is an end, whatever the run does', terminal, makeSeen({ status: 'running' })],
    ['when it is an end, and the run ends otherwise', terminal, makeSeen({ status: 'failed' })],
    ['when nothing new is seen', running, makeSeen({ detail: 'in other words' })],
    ['when a job that has started waits again', running, makeSeen(pending)],
    ['when a job that was preempted still waits', preempted, makeSeen(waiting)],
    ['when a job that was preempted is started again', preempted, makeSeen(pending)],
    [
      'when a job that lacked something in its queue is admitted there',
      { ...accepted, reason: 'WAITING_FOR_QUOTA' },
      makeSeen({ ...waiting, isDiagnosed: false }),
    ],
  ])('%s', (_, state, seen) => {
    expect(project(state, seen).isUnchanged).toBe(true);
  });

  test.each([
    [false, true],
    [true, false],
    [undefined, false],
  ])('about why it waits, unless that was looked into (%s)', (isDiagnosed, stands) => {
    const blocked = { ...accepted, reason: 'IMAGE_PULL_FAILED' as const };
    const seen = makeSeen({
      ...{ status: 'submitted', reason: 'PENDING' },
      ...(isDiagnosed !== undefined && { isDiagnosed }),
    } as Partial<Seen>);
    expect(project(blocked, seen).isUnchanged).toBe(stands);
  });
});

describe('a job that has begun', () => {
  const ended = { status: 'succeeded', reason: 'COMPLETED', endedAtMs: T0 + 9000 } as const;
  const failed = { status: 'failed', reason: 'TRAINING_FAILED' } as const;

  test.each([
    ['that was seen', running],
    ['that nobody saw', accepted],
  ])('is preempted when its queue stops it, after a start %s', (_, state) => {
    for (const reason of ['QUEUED', 'WAITING_FOR_QUOTA', 'QUEUE_MISCONFIGURED'] as const) {
      const seen = makeSeen({ ...waiting, reason, startedAtMs: T0 + 1000 });
      expect(project(state, seen).state).toEqual({
        ...{ status: 'running', reason: 'PREEMPTED' },
        detail: 'Stopped half way, and goes on from its last checkpoint: Waits in a queue',
        ...{ observedAtMs: NOW, startedAtMs: T0 + 1000, endedAtMs: undefined },
      });
    }
  });

  test('runs again once its nodes are ready again, since it first began', () => {
    const seen = makeSeen({ status: 'running', reason: 'RUNNING', startedAtMs: T0 + 9000 });
    const { state } = project(preempted, seen);
    expect(state).toMatchObject({ status: 'running', reason: 'RUNNING', startedAtMs: T0 + 1000 });
  });

  test.each<[string, Partial<Seen>, number | undefined]>([
    ['and has succeeded', ended, undefined],
    ['and has succeeded, with its start', { ...ended, startedAtMs: T0 + 700 }, T0 + 700],
    ['and has failed', { ...failed, startedAtMs: T0 + 700 }, T0 + 700],
    ['and is being deleted', { isStopping: true, startedAtMs: T0 + 700 }, T0 + 700],
    ['and waits again', { ...pending, startedAtMs: T0 + 700 }, T0 + 700],
  ])('is told as running until an end is latched: %s', (_, seen, startedAtMs) => {
    expect(project(accepted, makeSeen(seen)).state).toEqual({
      ...{ status: 'running', reason: 'RUNNING', detail: 'Training is running' },
      ...{ observedAtMs: NOW, startedAtMs, endedAtMs: undefined },
    });
  });

  test('is no job that failed without having begun', () => {
    expect(project(accepted, makeSeen(failed)).isUnchanged).toBe(true);
  });
});

describe('what is seen is said', () => {
  test('of a new status, with its start', () => {
    expect(project(accepted, makeSeen({ startedAtMs: T0 + 500, progress }))).toMatchObject({
      state: {
        status: 'running',
        reason: 'RUNNING',
        detail: 'Training is running',
        observedAtMs: NOW,
        startedAtMs: T0 + 500,
        endedAtMs: undefined,
      },
      progress,
    });
  });

  test('of a new reason of the same status', () => {
    expect(project(accepted, makeSeen(waiting)).state).toMatchObject({
      ...waiting,
      observedAtMs: NOW,
      startedAtMs: undefined,
    });
  });

  test('keeps the first start, and notes one that the run does not tell', () => {
    const restarted = makeSeen({ reason: 'PENDING', startedAtMs: T0 + 9000 });
    expect(project(running, restarted).state.startedAtMs).toBe(T0 + 1000);
    const first = project(accepted, makeSeen()).state;
    expect(first.startedAtMs).toBe(NOW);
    expect(project(first, makeSeen(waiting)).state.status).toBe('running');
  });

  test('progress is told at any time, but of the own run only', () => {
    expect(project(running, makeSeen({ progress })).progress).toEqual(progress);
    expect(project(running, makeSeen({ status: 'failed', progress })).progress).toEqual(progress);
    expect(project(running, makeSeen({ recordUid: 'x', progress })).progress).toBeUndefined();
  });
});
