import { describe, expect, it } from 'vitest';
import { makeRecord } from '../../test/make-record.ts';
import { NO_DELIVERY } from './job.ts';
import type { RecordChange } from './job-store.ts';
import { toEvents } from './record-events.ts';
import { NOTHING_REPORTED } from './reported.ts';

const record = makeRecord({ delivery: NO_DELIVERY });
const OPS = { type: 'token', name: 'ops' } as const;
const tell = (change: RecordChange, of = record) => toEvents(of, change);
const attemptOf = (atMs: number, status: number | undefined, error?: string) => ({
  ...{ atMs, durationMs: 12, status, error },
});

describe('a state', () => {
  const running = {
    ...record.state,
    status: 'running',
    reason: 'RUNNING',
    observedAtMs: 9,
  } as const;

  it('is told when its status or reason changes, with who had it changed', () => {
    expect(tell({ state: running, by: OPS })).toEqual([
      {
        type: 'job.state',
        timeMs: 9,
        attempt: undefined,
        level: 'info',
        message: running.detail,
        data: { status: 'running', reason: 'RUNNING' },
        actor: OPS,
      },
    ]);
    const failed = { ...running, status: 'failed', reason: 'POD_FAILED' } as const;
    expect(tell({ state: failed })).toMatchObject([{ level: 'error', actor: { type: 'system' } }]);
  });

  it('is no event when its sentence changes alone', () => {
    expect(tell({ state: { ...record.state, detail: 'other' } })).toEqual([]);
    expect(tell({ runId: 'run', warnings: ['x'], stopAtMs: 5 })).toEqual([]);
  });
});

describe('a report', () => {
  const checkpoint = { step: 3, uri: 's3://b/3', savedAtMs: 7 };
  const reported = {
    attempt: 1,
    phase: 'training' as const,
    checkpoints: [checkpoint],
    warnings: ['few rows'],
  };

  it('tells its phase, its new checkpoints and its new warnings, as the training’s', () => {
    const events = tell({ reported, atMs: 8 });
    expect(events).toMatchObject([
      { type: 'job.phase', timeMs: 8, data: { phase: 'training' } },
      { type: 'job.checkpoint', timeMs: 7, data: { step: 3, uri: 's3://b/3' } },
      { type: 'job.warning', level: 'warning', message: 'few rows' },
    ]);
    expect(events.every(({ actor, attempt }) => actor.type === 'trainer' && attempt === 1)).toBe(
      true,
    );
    const again = { ...reported, warnings: ['few rows', 'slow'] };
    expect(tell({ reported: again }, makeRecord({ reported }))).toMatchObject([
      { message: 'slow' },
    ]);
  });

  it('tells a phase again that a new attempt begins with', () => {
    const next = { ...NOTHING_REPORTED, attempt: 2, phase: 'training' as const };
    expect(tell({ reported: next }, makeRecord({ reported }))).toMatchObject([
      { type: 'job.phase', attempt: 2 },
    ]);
  });

  it('tells some of many', () => {
    const warnings = Array.from({ length: 100 }, (_, n) => `warning ${n}`);
    expect(tell({ reported: { ...NOTHING_REPORTED, warnings } })).toHaveLength(5);
  });
});

describe('a delivery', () => {
  const deliveryOf = (change: Partial<typeof NO_DELIVERY>) =>
    tell({ delivery: { ...NO_DELIVERY, ...change } }).map(({ message, level, data }) => [
      message,
      level,
      data.settled ?? null,
    ]);

  it('is told with what came of each attempt', () => {
    const one = [attemptOf(1, undefined, 'connection refused')];
    const failed = 'The final callback got no answer (connection refused)';
    expect(deliveryOf({ attempts: one, attemptCount: 1 })).toEqual([[failed, 'warning', null]]);
    const two = [...one, attemptOf(2, 200)];
    expect(deliveryOf({ attempts: two, attemptCount: 2, settled: 'delivered' })).toEqual([
      [failed, 'warning', null],
      ['The final callback got 200', 'info', 'delivered'],
    ]);
    const gone = { attempts: [attemptOf(1, 410)], attemptCount: 1, settled: 'gone' as const };
    expect(deliveryOf(gone)[0]?.[0]).toBe(
      'The final callback got 410, so that nothing more is sent',
    );
    const toUpdate = { ...attemptOf(1, 410), isUpdate: true as const };
    const goneEarly = { attempts: [toUpdate], attemptCount: 0, settled: 'gone' as const };
    expect(deliveryOf(goneEarly)).toEqual([
      ['An update got 410, so that nothing more is sent', 'warning', 'gone'],
    ]);
    expect(tell({ delivery: { ...NO_DELIVERY, ...goneEarly } })).toMatchObject([
      { data: { event: 'update', status: 410 } },
    ]);
    expect(tell({ delivery: { ...NO_DELIVERY, ...gone } })).toMatchObject([
      { data: { event: 'final', status: 410 } },
    ]);
    const late = { attempts: [attemptOf(1, 500)], attemptCount: 1, settled: 'expired' as const };
    expect(deliveryOf(late)[0]?.[0]).toBe('The final callback got 500, and is given up');
  });

  it('is told once, also after a 410 to an update', () => {
    const toUpdate = { ...attemptOf(1, 410), isUpdate: true as const };
    const before = { ...record, delivery: { ...NO_DELIVERY, attempts: [toUpdate] } };
    const delivery = { ...before.delivery, attempts: [toUpdate, attemptOf(2, 200)] };
    expect(tell({ delivery: { ...delivery, attemptCount: 1 } }, before)).toMatchObject([
      { message: 'The final callback got 200' },
    ]);
  });

  describe('that somebody wants again', () => {
    const ended = { ...record.state, status: 'failed' } as const;
    const delivery = { ...NO_DELIVERY, replayedAtMs: 77 };
    const messageOf = (of: typeof record, change: RecordChange = {}) =>
      tell({ delivery, by: OPS, ...change }, of).map(({ message, data }) => [message, data.event]);

    it('is told, with who does', () => {
      expect(tell({ delivery, by: OPS })).toMatchObject([
        { type: 'job.delivery', timeMs: 77, level: 'info', actor: OPS, data: { replay: true } },
      ]);
    });

    it('is its state as long as it goes on', () => {
      expect(messageOf(record)).toEqual([['The newest state is sent at once', 'update']]);
    });

    it('is its end, again where that was sent before', () => {
      const toUpdate = { ...attemptOf(1, 410), isUpdate: true as const };
      const withAttempts = (...attempts: (typeof toUpdate | ReturnType<typeof attemptOf>)[]) => ({
        ...{ ...record, state: ended },
        delivery: { ...NO_DELIVERY, attempts },
      });
      const anew = [['The final callback is sent at once', 'final']];
      expect(messageOf(withAttempts())).toEqual(anew);
      expect(messageOf(withAttempts(toUpdate))).toEqual(anew);
      expect(messageOf(withAttempts(toUpdate, attemptOf(2, 500)))).toEqual([
        ['The final callback is sent again', 'final'],
      ]);
    });
  });
});

it('is told what of the callbacks is another, by name alone', () => {
  const target = {
    ...{ webhookUrl: 'https://new.test/hook?key=hidden', authHeader: 'Bearer s3cret' },
    eventFilter: undefined,
  };
  const tellChanged = (...changed: string[]) => {
    const change = { callbackRevision: 1, hasWebhook: true, webhookOrigin: 'https://new.test' };
    const events = tell({ ...change, callback: { target, changed } });
    expect(JSON.stringify(events)).not.toMatch(/hidden|s3cret/);
    return events.map(({ message, data }) => [message, data]);
  };
  expect(tellChanged('webhook_url', 'auth_header')).toEqual([
    ['Callbacks go to https://new.test from now on', { changed: ['webhook_url', 'auth_header'] }],
  ]);
  expect(tellChanged('auth_header', 'event_filter')).toEqual([
    [
      'Callbacks still go to https://new.test, with another auth_header and event_filter from now on',
      { changed: ['auth_header', 'event_filter'] },
    ],
  ]);
});

it('is told where callbacks go, and no more of it than that', () => {
  const change = { callbackRevision: 1, hasWebhook: true, webhookOrigin: 'https://new.test' };
  expect(tell({ ...change, atMs: 6, by: OPS })).toMatchObject([
    {
      type: 'job.callbacks',
      timeMs: 6,
      actor: OPS,
      message: expect.stringContaining('https://new.test'),
    },
  ]);
  expect(tell({ callbackRevision: 2, hasWebhook: false, webhookOrigin: undefined })).toMatchObject([
    { message: 'Callbacks go nowhere from now on', data: { changed: [] } },
  ]);
});
