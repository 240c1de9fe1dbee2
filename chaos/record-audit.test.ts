import { toJobName } from '@trainer/common/testing/internals';
import { expect, it } from 'vitest';
import { RecordAudit, type SeenRecord } from './record-audit.ts';

const BACKEND = 'hf-unsloth';
const NAME = toJobName(BACKEND, 'job');
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');
const asked = (id: number, message: string) => {
  const event = { id, timeMs: 1, level: 'info', message, data: { status: 'cancelled' } };
  return encode({ ...event, type: 'job.state', actor: { type: 'anonymous' } });
};

/** One version of a record. */
const version = (status: string, events: Record<string, string> = {}): SeenRecord => {
  const state = { status, reason: 'RUNNING', detail: '', observedAtMs: 1 };
  return {
    metadata: {
      ...{ name: NAME, uid: 'uid-1', resourceVersion: '1' },
      creationTimestamp: '2026-11-26T12:00:00Z',
      labels: { 'trainer.deepfinery/backend': BACKEND },
      annotations: {
        'trainer.deepfinery/job-id': 'job',
        'trainer.deepfinery/state': JSON.stringify(state),
        'trainer.deepfinery/stop-at': '5000',
      },
    },
    data: { '.callback.json': encode({ webhookUrl: 'http://127.0.0.1:1/hook/a' }), ...events },
  };
};
const audit = (...versions: SeenRecord[]) => {
  const records = new RecordAudit(BACKEND);
  for (const each of versions) records.note(each);
  return records;
};

it('knows a record by where its submission had callbacks go', () => {
  const records = audit(version('running'), { ...version('running'), data: {} });
  expect(records.livesAt('a')).toMatchObject([
    { uid: 'uid-1', name: NAME, stopAtMs: 5000, createdAtMs: Date.UTC(2026, 10, 26, 12) },
  ]);
  expect(records.livesAt('b')).toEqual([]);
});

it('names a record that takes its end back, or has another', () => {
  expect(audit(version('running'), version('cancelled')).unlatched()).toEqual([]);
  expect(audit(version('cancelled'), version('running')).unlatched()).toEqual([NAME]);
  expect(audit(version('cancelled'), version('failed')).unlatched()).toEqual([NAME]);
});

it('names a history that loses or changes what was asked for', () => {
  const first = { '.event-asked-0.json': asked(1, 'one') };
  const both = { ...first, '.event-asked-1.json': asked(2, 'two') };
  const records = audit(version('running', first), version('running', both));
  expect(records.rewritten()).toEqual([]);
  expect(records.get('uid-1')?.asked).toHaveLength(2);
  expect(audit(version('running', both), version('running', first)).rewritten()).toEqual([NAME]);
  const changed = { '.event-asked-0.json': asked(1, 'another') };
  expect(audit(version('running', first), version('running', changed)).rewritten()).toEqual([NAME]);
});
