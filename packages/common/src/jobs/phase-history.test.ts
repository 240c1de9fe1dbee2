import { describe, expect, it } from 'vitest';
import { makeRecord } from '../../test/make-record.ts';
import type { JobRecord, JobState } from './job.ts';
import type { RecordChange } from './job-store.ts';
import { appendPhase, toPhaseSpans } from './phase-history.ts';
import { NOTHING_REPORTED, type Reported } from './reported.ts';

const START = Date.UTC(2026, 10, 26);
const accepted = makeRecord({ createdAtMs: START });

function change(record: JobRecord, what: RecordChange): JobRecord {
  const { atMs: _, ...changed } = what as JobRecord & RecordChange;
  const phases = appendPhase(record, what);
  return { ...record, ...changed, ...(phases !== undefined && { phases }) };
}
const to = (record: JobRecord, state: Partial<JobState>, seconds: number) =>
  change(record, {
    state: { ...record.state, ...state, observedAtMs: START + seconds * 1000 },
  });
const report = (record: JobRecord, phase: Reported['phase'], seconds: number) =>
  change(record, { reported: { ...NOTHING_REPORTED, phase }, atMs: START + seconds * 1000 });
const run = (record: JobRecord, seconds: number, startedAtMs = START + seconds * 1000) =>
  to(record, { status: 'running', reason: 'RUNNING', startedAtMs }, seconds);
const end = (record: JobRecord, seconds: number) =>
  to(
    record,
    { status: 'succeeded', reason: 'COMPLETED', endedAtMs: START + seconds * 1000 },
    seconds,
  );
const tell = (record: JobRecord) =>
  toPhaseSpans(record).map(({ phase, owner, startedAtMs, endedAtMs }) => {
    const until = endedAtMs === undefined ? '' : (endedAtMs - START) / 1000;
    return `${phase} (${owner}) ${(startedAtMs - START) / 1000}-${until}`;
  });

describe('the phases of a job', () => {
  it('are what it waits for, then what its training says', () => {
    expect(tell(accepted)).toEqual(['queued (service) 0-']);
    const queued = to(accepted, { reason: 'QUEUED' }, 1);
    const unplaced = to(queued, { reason: 'INSUFFICIENT_RESOURCES' }, 5);
    const loading = to(unplaced, { reason: 'INITIALIZING' }, 60);
    const training = report(report(run(loading, 90), 'downloading', 91), 'training', 120);
    const ended = end(report(training, 'uploading', 500), 510);
    expect(tell(ended)).toEqual([
      'queued (service) 0-1',
      'queued (queue) 1-5',
      'queued (scheduler) 5-60',
      'downloading (initializer) 60-90',
      'training (training) 90-91',
      'downloading (training) 91-120',
      'training (training) 120-500',
      'uploading (training) 500-510',
    ]);
  });

  it('go on where status or sentence alone change', () => {
    const running = run(accepted, 10);
    const same = to(report(running, 'training', 20), { detail: 'Another sentence' }, 30);
    expect(same.phases).toBe(running.phases);
    expect(tell(same)).toEqual(['queued (service) 0-10', 'training (training) 10-']);
  });

  it('begin when the training began, and not when that was noticed', () => {
    expect(tell(run(accepted, 100, START + 7000))).toEqual([
      'queued (service) 0-7',
      'training (training) 7-',
    ]);
  });

  it('tell of a training that ended before anybody saw it run', () => {
    const queued = to(accepted, { reason: 'QUEUED' }, 1);
    const seen = { status: 'failed', reason: 'POD_FAILED', startedAtMs: START + 5000 } as const;
    expect(tell(to(queued, { ...seen, endedAtMs: START + 8000 }, 9)).slice(1)).toEqual([
      'queued (queue) 1-5',
      'training (training) 5-8',
    ]);
  });

  it('wait again while their queue has stopped them', () => {
    const saving = report(run(accepted, 10), 'saving', 20);
    const stopped = to(saving, { reason: 'PREEMPTED' }, 30);
    expect(tell(run(stopped, 50)).slice(-3)).toEqual([
      'saving (training) 20-30',
      'queued (queue) 30-50',
      'saving (training) 50-',
    ]);
  });

  it('say that a training stands still, and what it lacks', () => {
    const training = report(run(accepted, 10), 'training', 20);
    const stalled = { owner: 'no step', sinceMs: START } as const;
    const reported = { ...NOTHING_REPORTED, phase: 'training', stalled } as const;
    const still = change(training, { reported, atMs: START + 400_000 });
    expect(tell(report(still, 'training', 500)).slice(-2)).toEqual([
      'stalled (no step) 400-500',
      'training (training) 500-',
    ]);
  });

  it('are known of records from before, as far as their times tell', () => {
    const { phases: _, ...earlier } = end(run(accepted, 10), 90);
    expect(tell(earlier)).toEqual(['queued (service) 0-10', 'training (training) 10-90']);
  });

  it('keep their beginning and the newest of many, with a gap between', () => {
    let record = run(to(accepted, { reason: 'QUEUED' }, 1), 10);
    for (let cycle = 1; cycle <= 100; cycle += 1) {
      record = report(record, 'saving', cycle * 100);
      record = report(record, 'training', cycle * 100 + 5);
    }
    const told = tell(record);
    expect(told.slice(0, 6)).toEqual([
      'queued (service) 0-1',
      'queued (queue) 1-10',
      'training (training) 10-100',
      'saving (training) 100-105',
      'training (training) 105-200',
      'saving (training) 9600-9605',
    ]);
    expect(told).toHaveLength(15);
    expect(told.at(-1)).toBe('training (training) 10005-');
    expect(record.phases?.length).toBeLessThan(512);
  });

  it('never end before they began, and leave out what a later version wrote', () => {
    const back = run(to(accepted, { reason: 'QUEUED' }, 50), 20);
    expect(tell(back)).toEqual([
      'queued (service) 0-50',
      'queued (queue) 50-50',
      'training (training) 50-',
    ]);
    expect(tell({ ...back, phases: `dreaming/cat/mif2x0k1;${back.phases}` })).toEqual(tell(back));
    expect(toPhaseSpans({ ...back, phases: 'no such text' })).toEqual([]);
  });
});
