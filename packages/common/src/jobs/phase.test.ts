import { expect, test } from 'vitest';
import { PHASE_OWNERS, PHASES } from '../requests/phase.ts';
import { describePhase, toCurrentPhase } from './phase.ts';
import { DIAGNOSED_REASONS } from './reasons.ts';

test('whatever a diagnosis finds has an owner of its own', () => {
  for (const reason of DIAGNOSED_REASONS) {
    expect(toCurrentPhase({ status: 'submitted', reason }, undefined)?.owner).not.toBe('start');
  }
});

test.each([
  ['QUEUED', 'queue'],
  ['QUEUE_MISCONFIGURED', 'queue'],
  ['WAITING_FOR_QUOTA', 'quota'],
  ['QUEUE_CAPACITY_EXCEEDED', 'quota'],
] as const)('what a queue holds back with %s is owed to its %s', (reason, owner) => {
  expect(toCurrentPhase({ status: 'submitted', reason }, undefined)).toEqual({
    ...{ phase: 'queued', owner },
  });
});

test('a reason of a later version counts as a start that has not come yet', () => {
  const state = { status: 'submitted', reason: 'FULL_MOON' as never } as const;
  expect(toCurrentPhase(state, undefined)).toEqual({ phase: 'queued', owner: 'start' });
});

test('every phase has a sentence', () => {
  for (const owner of PHASE_OWNERS) {
    for (const phase of PHASES) expect(describePhase({ phase, owner })).toMatch(/^[A-Z]/);
  }
});
