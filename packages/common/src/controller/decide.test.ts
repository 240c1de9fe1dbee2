import { describe, expect, test } from 'vitest';
import { makeSeen } from '../../test/builders.ts';
import { makeRecord } from '../../test/make-record.ts';
import { type JobRecord, type JobState, NO_DELIVERY, toAcceptedState } from '../jobs/job.ts';
import type { Observation } from '../jobs/observation.ts';
import { type Decision, decide } from './decide.ts';

const T0 = Date.UTC(2026, 0, 1);
const SETTINGS = { submitterGraceMs: 10_000, runTtlMs: 100_000, recordTtlMs: 700_000 };

type Action = Decision['action'];
interface Row {
  readonly record?: Partial<JobRecord>;
  readonly seen: Observation | undefined;
  /** Since T0. */
  readonly atMs?: number;
  readonly firstSeenAtMs?: number;
  readonly action: Action | { readonly do: Action['do']; readonly state: unknown };
  /** Since T0. */
  readonly requeueAtMs?: number;
}

const gone: Observation = { exists: false };
const accepted = toAcceptedState(T0);
const running: JobState = { ...accepted, status: 'running', reason: 'RUNNING', startedAtMs: T0 };
const started: Partial<JobRecord> = { runId: 'run-1', state: running };
const ended = (status: JobState['status'], rest: Partial<JobRecord> = {}): Partial<JobRecord> => ({
  runId: 'run-1',
  state: { ...running, status, endedAtMs: T0 },
  ...rest,
});
const succeededRun = makeSeen({ status: 'succeeded', reason: 'COMPLETED' });
const unsettled = { delivery: { ...NO_DELIVERY, settled: undefined } };
const nothing = { do: 'nothing' } as const;
const stop = { do: 'stop' } as const;
const erase = { do: 'delete' } as const;
const forget = { do: 'purge-credentials' } as const;

function check(row: Row): void {
  const { record = {}, seen, atMs = 0, firstSeenAtMs = 0, action, requeueAtMs } = row;
  const whole = makeRecord({ uid: 'record-uid', state: accepted, createdAtMs: T0, ...record });
  expect(decide(whole, seen, T0 + firstSeenAtMs, T0 + atMs, SETTINGS)).toEqual({
    action,
    requeueAtMs: requeueAtMs === undefined ? undefined : T0 + requeueAtMs,
  });
}

describe('a job that was accepted', () => {
  test.each<[string, Row]>([
    [
      'is left to its submitter at first',
      { seen: gone, atMs: 9999, action: nothing, requeueAtMs: 10_000 },
    ],
    [
      'is started when its submitter did not',
      { seen: gone, atMs: 10_000, action: { do: 'start' } },
    ],
    [
      'is counted from when this process first saw it',
      { seen: gone, atMs: 12_000, firstSeenAtMs: 5000, action: nothing, requeueAtMs: 15_000 },
    ],
    [
      'is left to its submitter also when its run is seen',
      { seen: makeSeen(), action: nothing, requeueAtMs: 10_000 },
    ],
    [
      'is noted as started when its submitter did not',
      { seen: makeSeen(), atMs: 20_000, action: { do: 'note', runId: 'run-1' } },
    ],
    [
      'is noted as started also when its run has ended already',
      { seen: succeededRun, atMs: 20_000, action: { do: 'note', runId: 'run-1' } },
    ],
    [
      'waits for a run of the same name that is not its own',
      { seen: makeSeen({ recordUid: 'another' }), action: nothing, requeueAtMs: 10_000 },
    ],
    [
      'waits while nothing reliable is known',
      { seen: undefined, atMs: 50, action: nothing, requeueAtMs: 1050 },
    ],
  ])('%s', (_, row) => check(row));
});

describe('a job that runs', () => {
  const state = (rest: object) => ({ do: 'write', state: expect.objectContaining(rest) }) as const;
  const confirm = {
    do: 'confirm-gone',
    state: expect.objectContaining({ status: 'cancelled', reason: 'DELETED', endedAtMs: T0 + 5 }),
  } as const;

  test.each<[string, Row]>([
    ['is left alone while nothing changes', { record: started, seen: makeSeen(), action: nothing }],
    [
      'has a new state written',
      {
        record: { runId: 'run-1' },
        seen: makeSeen({ startedAtMs: T0 + 3 }),
        atMs: 5,
        action: state({ status: 'running', observedAtMs: T0 + 5, startedAtMs: T0 + 3 }),
      },
    ],
    [
      'never goes back to waiting',
      {
        record: started,
        seen: makeSeen({ status: 'submitted', reason: 'PENDING' }),
        action: nothing,
      },
    ],
    [
      'is told to be preempted when its queue stops it half way',
      {
        record: started,
        seen: makeSeen({ status: 'submitted', reason: 'QUEUED', detail: 'Waiting in the queue a' }),
        atMs: 5,
        action: state({
          status: 'running',
          reason: 'PREEMPTED',
          detail: 'Stopped half way, and goes on from its last checkpoint: Waiting in the queue a',
          observedAtMs: T0 + 5,
          startedAtMs: T0,
        }),
      },
    ],
    [
      'has its end latched, with the time that the run tells',
      {
        record: started,
        seen: makeSeen({ ...succeededRun, endedAtMs: T0 + 4 }),
        atMs: 5,
        action: state({
          status: 'succeeded',
          reason: 'COMPLETED',
          endedAtMs: T0 + 4,
          startedAtMs: T0,
        }),
      },
    ],
    [
      'has its end latched now when the run tells no time',
      {
        record: started,
        seen: makeSeen({ status: 'failed', reason: 'OUT_OF_MEMORY', detail: 'why' }),
        atMs: 5,
        action: state({
          status: 'failed',
          reason: 'OUT_OF_MEMORY',
          detail: 'why',
          endedAtMs: T0 + 5,
        }),
      },
    ],
    [
      'may end without ever having been seen running',
      {
        record: { runId: 'run-1' },
        seen: makeSeen({ status: 'failed', reason: 'POD_FAILED' }),
        action: state({ status: 'failed', startedAtMs: undefined }),
      },
    ],
    ['ends when its run has vanished', { record: started, seen: gone, atMs: 5, action: confirm }],
    [
      'ends when another run has taken its place',
      {
        record: started,
        seen: makeSeen({ recordUid: 'x', runId: 'run-2' }),
        atMs: 5,
        action: confirm,
      },
    ],
    [
      'waits while its run is being deleted',
      { record: started, seen: makeSeen({ isStopping: true, reason: 'PENDING' }), action: nothing },
    ],
    [
      'waits while nothing reliable is known',
      { record: started, seen: undefined, action: nothing, requeueAtMs: 1000 },
    ],
  ])('%s', (_, row) => check(row));
});

describe('a job that has ended', () => {
  test.each<[string, Row]>([
    [
      'keeps its run for a while',
      {
        record: ended('succeeded'),
        seen: succeededRun,
        atMs: 99_999,
        action: nothing,
        requeueAtMs: 100_000,
      },
    ],
    [
      'has its run deleted then',
      { record: ended('succeeded'), seen: succeededRun, atMs: 100_000, action: stop },
    ],
    [
      'is stopped at once when it was cancelled',
      { record: ended('cancelled'), seen: makeSeen(), action: stop },
    ],
    [
      'is stopped at once when it was cancelled, also when the run ended meanwhile',
      { record: ended('cancelled'), seen: succeededRun, action: stop },
    ],
    [
      'is stopped when its platform starts it again',
      { record: ended('failed'), seen: makeSeen(), action: stop },
    ],
    [
      'is stopped when its run appears late',
      { record: ended('cancelled', { runId: undefined }), seen: makeSeen(), action: stop },
    ],
    [
      'waits for a run that is on its way out',
      {
        record: ended('cancelled'),
        seen: makeSeen({ isStopping: true }),
        action: nothing,
        requeueAtMs: 100_000,
      },
    ],
    [
      'leaves the run of another record alone',
      {
        record: ended('cancelled'),
        seen: makeSeen({ recordUid: 'x', runId: 'run-2' }),
        action: nothing,
        requeueAtMs: 100_000,
      },
    ],
    [
      'has its own run stopped, also when someone took the owner away',
      { record: ended('cancelled'), seen: makeSeen({ recordUid: undefined }), action: stop },
    ],
    [
      'looks again soon while nothing reliable is known',
      { record: ended('failed'), seen: undefined, action: nothing, requeueAtMs: 1000 },
    ],
    [
      'has its credentials deleted once no run can need them',
      {
        record: ended('failed', { areCredentialsGone: false }),
        seen: gone,
        atMs: 100_000,
        action: forget,
      },
    ],
    [
      "has its webhook's credentials deleted once its last callback is settled",
      {
        record: ended('failed', { webhookAuth: 'kept' }),
        seen: gone,
        atMs: 100_000,
        action: forget,
      },
    ],
    [
      "keeps its webhook's credentials until the others are due",
      {
        record: ended('failed', { webhookAuth: 'kept' }),
        seen: gone,
        atMs: 99_999,
        action: nothing,
        requeueAtMs: 100_000,
      },
    ],
    [
      "keeps its webhook's credentials until its last callback is settled",
      {
        record: ended('failed', { webhookAuth: 'kept', ...unsettled }),
        seen: gone,
        atMs: 100_000,
        action: nothing,
        requeueAtMs: 700_000,
      },
    ],
    [
      "is not asked again for its webhook's credentials",
      {
        record: ended('failed', { webhookAuth: 'gone' }),
        seen: gone,
        atMs: 100_000,
        action: nothing,
        requeueAtMs: 700_000,
      },
    ],
    [
      'keeps its credentials until then',
      {
        record: ended('failed', { areCredentialsGone: false }),
        seen: gone,
        atMs: 99_999,
        action: nothing,
        requeueAtMs: 100_000,
      },
    ],
    [
      'keeps its credentials while its run is on its way out',
      {
        record: ended('failed', { areCredentialsGone: false }),
        seen: makeSeen({ isStopping: true }),
        atMs: 100_000,
        action: nothing,
        requeueAtMs: 700_000,
      },
    ],
    [
      'keeps its credentials while nothing reliable is known of its run',
      {
        record: ended('failed', { areCredentialsGone: false }),
        seen: undefined,
        atMs: 100_000,
        action: nothing,
        requeueAtMs: 101_000,
      },
    ],
    [
      'is answered until it expires',
      {
        record: ended('failed'),
        seen: gone,
        atMs: 699_999,
        action: nothing,
        requeueAtMs: 700_000,
      },
    ],
    ['is forgotten then', { record: ended('failed'), seen: gone, atMs: 700_000, action: erase }],
    [
      'is forgotten also when nothing reliable is known of its run',
      { record: ended('failed'), seen: undefined, atMs: 700_000, action: erase },
    ],
    [
      'is not forgotten before its last callback is settled',
      { record: ended('failed', unsettled), seen: gone, atMs: 900_000, action: nothing },
    ],
    [
      'is not forgotten before its run is stopped',
      { record: ended('cancelled'), seen: makeSeen(), atMs: 900_000, action: stop },
    ],
  ])('%s', (_, row) => check(row));

  test('counts from what was observed when it has no time of its end', () => {
    const state = { ...running, status: 'failed' as const, observedAtMs: T0 + 50 };
    check({
      record: { state },
      seen: gone,
      atMs: 700_049,
      action: nothing,
      requeueAtMs: 700_050,
    });
    check({ record: { state }, seen: gone, atMs: 700_050, action: erase });
  });

  test('outlives its run also where the run would be kept longer', () => {
    const record = makeRecord({ uid: 'record-uid', ...ended('succeeded') });
    const settings = { ...SETTINGS, runTtlMs: 900_000 };
    expect(decide(record, succeededRun, T0, T0 + 700_000, settings).action).toEqual(erase);
  });
});

describe('a record that cannot be read', () => {
  const unreadable = ['state'];

  test.each<[string, Row]>([
    [
      'is left alone while it goes on, whatever its run does',
      { record: { unreadable }, seen: succeededRun, atMs: 900_000, action: nothing },
    ],
    [
      'and whose run is not known is not looked at again and again',
      { record: { unreadable }, seen: undefined, atMs: 900_000, action: nothing },
    ],
    [
      'has its run stopped once it is cancelled',
      { record: ended('cancelled', { unreadable }), seen: makeSeen(), action: stop },
    ],
    [
      'has that looked at again while nothing reliable is known',
      {
        record: ended('cancelled', { unreadable }),
        seen: undefined,
        atMs: 900_000,
        action: nothing,
        requeueAtMs: 901_000,
      },
    ],
    [
      'keeps its credentials',
      {
        record: ended('failed', { unreadable, areCredentialsGone: false }),
        seen: gone,
        atMs: 100_000,
        action: nothing,
      },
    ],
    [
      'keeps its run until that expires',
      {
        record: ended('succeeded', { unreadable }),
        seen: succeededRun,
        action: nothing,
        requeueAtMs: 100_000,
      },
    ],
    [
      'is not forgotten',
      { record: ended('failed', { unreadable }), seen: gone, atMs: 900_000, action: nothing },
    ],
  ])('%s', (_, row) => check(row));
});

describe('a job that was cancelled and saves', () => {
  const saving = ended('cancelled', { stopAtMs: T0 + 60_000 });

  test.each<[string, Row]>([
    [
      'has its run left alone until then',
      { record: saving, seen: makeSeen(), atMs: 59_999, action: nothing, requeueAtMs: 60_000 },
    ],
    ['has it stopped then', { record: saving, seen: makeSeen(), atMs: 60_000, action: stop }],
    ['has it stopped once it has ended', { record: saving, seen: succeededRun, action: stop }],
    [
      'has it stopped once it has ended as one that was stopped does',
      { record: saving, seen: makeSeen({ status: 'failed', reason: 'STOPPED' }), action: stop },
    ],
    [
      'waits for nothing where the run is gone',
      { record: saving, seen: gone, atMs: 5, action: nothing, requeueAtMs: 100_000 },
    ],
    [
      'leaves a run alone that is on its way out',
      {
        record: saving,
        seen: makeSeen({ isStopping: true }),
        atMs: 60_000,
        action: nothing,
        requeueAtMs: 100_000,
      },
    ],
    [
      'is stopped although a part of its record cannot be read',
      {
        record: { ...saving, unreadable: ['delivery'] },
        seen: makeSeen(),
        atMs: 60_000,
        action: stop,
      },
    ],
  ])('%s', (_, row) => check(row));
});

describe('another finding of the same reason', () => {
  const blocked: JobState = {
    ...accepted,
    reason: 'INSUFFICIENT_RESOURCES',
    detail: 'unbound immediate PersistentVolumeClaims',
  };
  const record = { runId: 'run-1', state: blocked };
  const finding = {
    status: 'submitted',
    reason: 'INSUFFICIENT_RESOURCES',
    isDiagnosed: true,
    detail: 'Insufficient nvidia.com/gpu',
    startedAtMs: undefined,
  } as const;
  const written = { ...blocked, detail: finding.detail };

  test.each<[string, Row]>([
    [
      'is written once the other has stood for 10 s',
      {
        ...{ record, seen: makeSeen(finding), atMs: 10_000 },
        action: { do: 'write', state: { ...written, observedAtMs: T0 + 10_000 } },
      },
    ],
    [
      'waits until then',
      { record, seen: makeSeen(finding), atMs: 4000, action: nothing, requeueAtMs: 10_000 },
    ],
    [
      'is none when it says the same',
      {
        ...{ record, seen: makeSeen({ ...finding, detail: blocked.detail }), atMs: 60_000 },
        action: nothing,
      },
    ],
    [
      'is none of who did not look into it',
      { record, seen: makeSeen({ ...finding, isDiagnosed: false }), atMs: 60_000, action: nothing },
    ],
    [
      'is none where it quotes, since the record masks what is quoted',
      { record, seen: makeSeen({ ...finding, lastWords: 'x' }), atMs: 60_000, action: nothing },
    ],
    [
      'is none where it is a place in a line',
      {
        ...{ record, seen: makeSeen({ ...finding, hasLiveDetail: true }), atMs: 60_000 },
        action: nothing,
      },
    ],
  ])('%s', (_, row) => check(row));
});
