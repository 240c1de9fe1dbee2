import { expect, test } from 'vitest';
import { makeRecord } from '../../test/make-record.ts';
import type { Progress } from '../requests/training-response.ts';
import { type JobState, toAcceptedState } from './job.ts';
import { toPhases, toTrainingPart } from './job-summary.ts';
import { NOTHING_REPORTED, type Reported } from './reported.ts';

test('a job that was preempted is in its queue, whatever its training said last', () => {
  const phaseOf = (rest: Partial<JobState>) => {
    const state: JobState = { ...toAcceptedState(0), ...rest };
    const record = makeRecord({ state, reported: { ...NOTHING_REPORTED, phase: 'saving' } });
    return toTrainingPart({ record, state, progress: undefined }).phase;
  };
  expect(phaseOf({ status: 'running', reason: 'RUNNING' })).toBe('saving');
  expect(phaseOf({ status: 'running', reason: 'PREEMPTED' })).toBe('queued');
  expect(phaseOf({})).toBe('queued');
  expect(phaseOf({ status: 'succeeded', reason: 'COMPLETED' })).toBeNull();
});

test('the current phase says what is so now, others what they were', () => {
  const accepted = makeRecord();
  const waiting: JobState = {
    ...accepted.state,
    ...{ reason: 'INSUFFICIENT_RESOURCES', detail: 'No node can take the job yet: 0/3' },
    observedAtMs: accepted.createdAtMs + 1000,
  };
  // Seen, and not written yet.
  const phases = toPhases({ record: accepted, state: waiting, progress: undefined });
  expect(phases).toEqual([
    {
      ...{ phase: 'queued', owner: 'service', message: 'Accepted, and not started yet' },
      ...{ started_at: '2026-01-01T00:00:00.000Z', ended_at: '2026-01-01T00:00:01.000Z' },
    },
    {
      ...{ phase: 'queued', owner: 'scheduler', message: 'No node can take the job yet: 0/3' },
      ...{ started_at: '2026-01-01T00:00:01.000Z', ended_at: null },
    },
  ]);
});

test('a training that sends no reports is said to, unless its runner sees progress', () => {
  const record = makeRecord();
  const detail = 'Training is running on 1 of 1 node';
  const state: JobState = { ...record.state, status: 'running', reason: 'RUNNING', detail };
  const say = (reported: Partial<Reported> | undefined, progress?: Progress) => {
    const known = reported && { ...NOTHING_REPORTED, ...reported };
    return toPhases({ record: { ...record, reported: known }, state, progress }).at(-1);
  };
  expect(say(undefined)).toMatchObject({
    ...{ phase: 'training', message: `${detail}; this job sends no reports` },
  });
  const progress = { percentage: 1, estimated_remaining_seconds: null, metrics: {} };
  expect(say(undefined, progress)?.message).toBe('Training');
  expect(say({ phase: 'uploading' })).toMatchObject({
    ...{ phase: 'uploading', message: 'Uploading to the output' },
  });
});
