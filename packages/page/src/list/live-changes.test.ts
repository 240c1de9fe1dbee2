import type { FollowedEvent } from '@trainer/client';
import { describe, expect, it } from 'vitest';
import type { ListFilters } from './list-filters.ts';
import { LiveChanges } from './live-changes.ts';
import type { OwnedRow } from './merge-lists.ts';

const ALL: ListFilters = { service: 'meta', statuses: [], fields: [], cursor: undefined };

function makeRow(job_id: string, changes: Partial<OwnedRow> = {}): OwnedRow {
  return {
    ...{ service: 'meta', job_id, backend_job_id: job_id, status: 'submitted', reason: 'QUEUED' },
    ...{ detail: 'waits', phase: 'queued', progress: null, revision: 2, delivery: null },
    timestamps: {
      created_at: '2026-11-26T09:00:00Z',
      updated_at: '2026-11-26T09:00:00Z',
      ...{ started_at: null, ended_at: null },
    },
    ...changes,
  };
}

function makeEvent(job_id: string, changes: Partial<FollowedEvent>): FollowedEvent {
  return {
    ...{ type: 'job.state', job_id, time: '2026-11-26T09:05:00Z', attempt: null, level: 'info' },
    ...{ message: 'said', data: {}, actor: { type: 'system' } },
    ...changes,
  };
}

const toState = (job_id: string, id: number, status: string, reason = status.toUpperCase()) =>
  makeEvent(job_id, { id, data: { status, reason } });

/** A list of one waiting job, with what was told since. */
function apply(events: FollowedEvent[], filters = ALL) {
  const changes = new LiveChanges();
  changes.take('meta', events);
  return changes.applyTo({ rows: [makeRow('a')], counts: { submitted: 2, running: 1 } }, filters);
}

describe('what a list shows of events', () => {
  it('is the state, its times, and how many there are of each', () => {
    const { rows, counts, isStale } = apply([toState('a', 3, 'running')]);
    expect(rows).toMatchObject([
      { status: 'running', reason: 'RUNNING', detail: 'said', phase: 'training', revision: 3 },
    ]);
    expect(rows[0]?.timestamps).toMatchObject({
      created_at: '2026-11-26T09:00:00Z',
      started_at: '2026-11-26T09:05:00Z',
      ended_at: null,
    });
    expect([counts, isStale]).toEqual([{ submitted: 1, running: 2 }, false]);
    const [ended] = apply([toState('a', 3, 'running'), toState('a', 4, 'succeeded')]).rows;
    expect(ended).toMatchObject({
      phase: null,
      timestamps: { started_at: '2026-11-26T09:05:00Z', ended_at: '2026-11-26T09:05:00Z' },
    });
  });

  it('is the phase, the progress, and what became of the final callback', () => {
    const progress = { percentage: 40, estimated_remaining_seconds: 60, metrics: {} };
    const { rows } = apply([
      makeEvent('a', { type: 'job.progress', data: progress }),
      makeEvent('a', { id: 3, type: 'job.phase', data: { phase: 'saving' } }),
      makeEvent('a', { id: 4, type: 'job.delivery', data: { settled: null } }),
    ]);
    expect(rows).toMatchObject([{ phase: 'saving', progress, delivery: 'pending' }]);
    const delivered = makeEvent('a', { id: 5, type: 'job.delivery', data: { settled: 'gone' } });
    expect(apply([delivered]).rows).toMatchObject([{ delivery: 'gone' }]);
  });

  it('is nothing that the list knows already', () => {
    expect(apply([toState('a', 2, 'running')]).rows).toMatchObject([{ status: 'submitted' }]);
  });

  it('is a count of new jobs, by what has become of them', () => {
    const events = [toState('b', 1, 'submitted'), toState('c', 1, 'submitted')];
    const told = apply([...events, toState('c', 2, 'failed')]);
    expect(told).toMatchObject({
      createdCount: 2,
      isStale: false,
      counts: { submitted: 3, running: 1, failed: 1 },
    });
    const failed = apply([...events, toState('c', 2, 'failed')], { ...ALL, statuses: ['failed'] });
    expect(failed.createdCount).toBe(1);
  });

  it('leaves out what is gone or matches no more, and asks for what follows', () => {
    const gone = apply([makeEvent('a', { type: 'job.gone' })]);
    expect(gone).toMatchObject({ rows: [], counts: { submitted: 1, running: 1 }, isStale: true });
    const waiting = { ...ALL, statuses: ['submitted'] };
    expect(apply([toState('a', 3, 'running')], waiting)).toMatchObject({ rows: [], isStale: true });
  });

  it('is out of date, with further filters, by what may match them now or no more', () => {
    const ofModel: ListFilters = { ...ALL, fields: [['model', 'llama']] };
    const created = apply([toState('b', 1, 'submitted')], ofModel);
    expect(created).toMatchObject({ createdCount: 0, counts: { submitted: 2 }, isStale: true });
    const saving = (job_id: string) =>
      makeEvent(job_id, { id: 3, type: 'job.phase', data: { phase: 'saving' } });
    expect(apply([saving('a')], ofModel)).toMatchObject({
      rows: [{ phase: 'saving' }],
      isStale: true,
    });
    expect(apply([saving('z')], ofModel).isStale).toBe(true);
    expect([apply([saving('a')]).isStale, apply([saving('z')]).isStale]).toEqual([false, false]);
    expect(apply([makeEvent('a', { type: 'job.progress' })], ofModel).isStale).toBe(false);
  });

  it('is out of date once a job moves that it does not show, but not by progress', () => {
    expect(apply([toState('z', 7, 'running')]).isStale).toBe(true);
    expect(apply([makeEvent('z', { type: 'job.progress' })]).isStale).toBe(false);
  });
});

describe('another reading', () => {
  const list = (revision: number) => ({ rows: [makeRow('a', { revision })], counts: {} });

  it('settles what it says itself, and no more', () => {
    const changes = new LiveChanges();
    changes.take('meta', [toState('a', 3, 'running'), toState('z', 7, 'failed')]);
    const beganAfter = changes.order;
    changes.take('meta', [toState('b', 1, 'submitted')]);
    // Of a replica that lags behind.
    changes.settle(list(2).rows, beganAfter);
    expect(changes.applyTo(list(2), ALL)).toMatchObject({
      rows: [{ status: 'running' }],
      createdCount: 1,
      isStale: false,
    });
    changes.settle(list(3).rows, changes.order);
    expect(changes.applyTo(list(3), ALL)).toMatchObject({
      rows: [{ status: 'submitted', revision: 3 }],
      createdCount: 0,
    });
  });

  it('shows a job that was submitted again under the same id', () => {
    const changes = new LiveChanges();
    const gone = makeEvent('a', { type: 'job.gone' });
    changes.take('meta', [gone, toState('a', 1, 'submitted')]);
    expect(changes.applyTo(list(5), ALL)).toMatchObject({ rows: [], isStale: true });
    changes.settle(list(1).rows, changes.order);
    expect(changes.applyTo(list(1), ALL).rows).toMatchObject([{ status: 'submitted' }]);
  });
});
