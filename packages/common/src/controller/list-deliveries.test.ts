import { expect, it } from 'vitest';
import { makeRecord } from '../../test/make-record.ts';
import { type JobRecord, NO_DELIVERY, type Settlement } from '../jobs/job.ts';
import { listDeliveries } from './list-deliveries.ts';

function make(id: string, endedAtMs: number | undefined, settled?: Settlement): JobRecord {
  const status = endedAtMs === undefined ? 'running' : 'failed';
  const record = makeRecord({ id, hasWebhook: true, delivery: { ...NO_DELIVERY, settled } });
  const observedAtMs = endedAtMs ?? 1;
  return { ...record, state: { ...record.state, status, observedAtMs, endedAtMs } };
}
const ids = (records: readonly JobRecord[]) => records.map(({ id }) => id);

const RECORDS = [
  make('running', undefined),
  make('old', 10),
  make('gone-while-running', undefined, 'gone'),
  make('new', 30),
  make('told', 20, 'delivered'),
  make('given-up', 25, 'expired'),
  make('without', 40, 'unwanted'),
];

it('lists what has ended with a webhook, newest first, and counts all of it', () => {
  const { records, counts, nextCursor } = listDeliveries(RECORDS, { limit: 50 });
  expect(ids(records)).toEqual(['new', 'given-up', 'told', 'old', 'gone-while-running']);
  expect(counts).toEqual({ pending: 2, delivered: 1, gone: 1, expired: 1 });
  expect(nextCursor).toBeUndefined();
  const filtered = listDeliveries(RECORDS, { states: ['expired', 'delivered'], limit: 50 });
  expect(ids(filtered.records)).toEqual(['given-up', 'told']);
  expect(filtered.counts).toEqual(counts);
});

it('goes through everything page by page, also of one moment, whatever comes in between', () => {
  const many = Array.from({ length: 7 }, (_, n) => make(`job-${n}`, 100));
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const records = cursor === undefined ? many : [...many, make(`late-${seen.length}`, 999)];
    const page = listDeliveries(records, { limit: 2, cursor });
    seen.push(...ids(page.records));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  expect(seen.toSorted()).toEqual(ids(many).toSorted());
});

it('refuses a cursor of another filter, and what is none', () => {
  const { nextCursor } = listDeliveries(RECORDS, { states: ['pending'], limit: 1 });
  const refused = { code: 'INVALID_REQUEST' };
  for (const cursor of [
    nextCursor,
    'x',
    '',
    'bnVsbA',
    Buffer.from('[1,2]').toString('base64url'),
  ]) {
    expect(() => listDeliveries(RECORDS, { states: ['gone'], limit: 1, cursor })).toThrow(
      expect.objectContaining(refused),
    );
  }
  expect(
    ids(listDeliveries(RECORDS, { states: ['pending'], limit: 1, cursor: nextCursor }).records),
  ).toEqual(['old']);
});
