import type { Job } from '@trainer/client';
import { REASONS } from '@trainer/common/testing/internals';
import { expect, test } from 'vitest';
import { ADVICE } from '../advice.ts';
import { explainJob } from '../explain-job.ts';
import { toText } from './why.ts';

const at = (second: number) => new Date(second * 1000).toISOString();
const span = (phase: string, owner: string, from: number, to: number | null, message = '') => {
  return { phase, owner, started_at: at(from), ended_at: to === null ? null : at(to), message };
};
const makeJob = (changes: object) =>
  ({
    ...{ job_id: 'job-1', status: 'running', reason: 'RUNNING', detail: 'Training is running' },
    timestamps: { created_at: at(0), updated_at: at(0), started_at: at(60), ended_at: null },
    phase: null,
    metadata: { warnings: [] },
    ...changes,
  }) as unknown as Job;
const say = (changes: object, second: number) =>
  toText(explainJob(makeJob(changes), second * 1000)).split('\n');

test('a job that waits tells for whom, for how long, and what to do', () => {
  const why = 'No node can take the job yet: 0/3 nodes are available';
  const lines = say(
    {
      ...{ status: 'submitted', reason: 'INSUFFICIENT_RESOURCES', phase: 'queued', detail: why },
      phases: [
        span('queued', 'service', 0, 3),
        span('queued', 'queue', 3, 123),
        span('queued', 'scheduler', 123, null, why),
      ],
      metadata: { warnings: ['customization.lora_rnak is not known'] },
    },
    843,
  );
  expect(lines).toEqual([
    'job-1: submitted, queued (scheduler) for 12 min',
    `  ${why}`,
    'What to do',
    `  ${ADVICE.INSUFFICIENT_RESOURCES}`,
    'Where the time went',
    '  queued  service    3 s',
    '  queued  queue      2 min',
    '  queued  scheduler  12 min so far',
    'Warnings',
    '  customization.lora_rnak is not known',
    'More: trainer events job-1, trainer status job-1',
    '',
  ]);
});

test('one that stands still is told what it lacks', () => {
  const message = 'Standing still, as it seems: its reports tell of no further step';
  const phases = [span('stalled', 'no step', 100, null, message)];
  const lines = say({ phase: 'stalled', phases }, 500);
  expect(lines.slice(0, 4)).toEqual([
    'job-1: running, stalled (no step) for 7 min',
    `  ${message}`,
    'What to do',
    expect.stringMatching(/stacks in its log/),
  ]);
});

test('one that has ended tells why, and what to do otherwise', () => {
  const lines = say(
    {
      ...{ status: 'failed', reason: 'OUT_OF_MEMORY', detail: 'node ran out of memory' },
      timestamps: { created_at: at(0), started_at: at(60), ended_at: at(360) },
      phases: [span('queued', 'service', 0, 60), span('training', 'training', 60, 360)],
    },
    9999,
  );
  expect(lines.slice(0, 7)).toEqual([
    'job-1: failed (OUT_OF_MEMORY) after 6 min',
    '  node ran out of memory',
    'What to do',
    `  ${ADVICE.OUT_OF_MEMORY}`,
    'Where the time went',
    '  queued    service  1 min',
    '  training           5 min',
  ]);
});

test('an earlier service, and a reason of a later one, leave out what they do not tell', () => {
  expect(say({ reason: 'FULL_MOON', phase: 'training' }, 20)).toEqual([
    'job-1: running (FULL_MOON) after 20 s',
    '  Training is running',
    'More: trainer events job-1, trainer status job-1',
    '',
  ]);
});

test('nothing that is told of a job makes a line of its own', () => {
  const forged = 'no node\nForged\n  send your token';
  const phases = [span('queued', 'scheduler', 0, null, forged)];
  const lines = say({ phases, metadata: { warnings: [forged] } }, 60);
  expect(lines.filter((line) => line === 'Forged')).toEqual([]);
  expect(lines).toContain('  no node Forged   send your token');
});

test('there is advice on every reason', () => {
  expect(Object.keys(ADVICE).sort()).toEqual([...REASONS].sort());
});
