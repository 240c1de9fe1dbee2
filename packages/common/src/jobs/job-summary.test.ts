import { expect, test } from 'vitest';
import { makeRecord } from '../../test/make-record.ts';
import { type JobState, toAcceptedState } from './job.ts';
import { toTrainingPart } from './job-summary.ts';
import { NOTHING_REPORTED } from './reported.ts';

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
