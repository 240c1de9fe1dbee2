import { pino } from 'pino';
import { beforeEach, expect, test, vi } from 'vitest';
import { FakeClock } from '../../test/fake-clock.ts';
import { makeDraft } from '../../test/make-draft.ts';
import { errors } from '../errors.ts';
import type { JobRecord } from '../jobs/job.ts';
import { MemoryJobStore } from '../jobs/memory-job-store.ts';
import { LiveReport } from './live-report.ts';
import { ReportWriter } from './report-writer.ts';
import { SnapshotWriter } from './snapshot-writer.ts';
import { WriteTurns } from './write-turns.ts';

const PAYLOAD = {
  asked: { first: {}, second: {} },
  plan: {},
  echo: {},
  secrets: {},
  callback: undefined,
};
const MINUTE_MS = 60_000;

let clock: FakeClock;
let store: MemoryJobStore;
let record: JobRecord;
beforeEach(async () => {
  clock = new FakeClock();
  store = new MemoryJobStore();
  const created = await store.create(makeDraft('job-1'), PAYLOAD);
  if (created.outcome !== 'created') throw new Error(created.outcome);
  record = created.record;
});

const toParts = () => ({ store, clock, random: () => 0.5, logger: pino({ level: 'silent' }) });
const current = () => store.getCached(record.name) as JobRecord;

/** The next write is under way until `fail` ends it. */
function holdNextWrite() {
  const begun = Promise.withResolvers<void>();
  const held = Promise.withResolvers<never>();
  vi.spyOn(store, 'update').mockImplementationOnce(() => {
    begun.resolve();
    return held.promise;
  });
  return { begun: begun.promise, fail: () => held.reject(errors.clusterUnreachable()) };
}

test('metrics whose write has failed are written again', async () => {
  const live = new LiveReport({ attempt: 1 });
  const metrics = [{ step: 1, time: 1, values: { loss: 2 } }];
  live.note({ attempt: 1, metrics, checkpoints: [], warnings: [] }, { attempt: 1 }, false, 1);
  const turns = new WriteTurns(clock);
  const writer = new SnapshotWriter({ ...toParts(), turns, liveOf: () => live });
  const write = holdNextWrite();
  writer.note(record);
  await clock.advance(5 * MINUTE_MS);
  await write.begun;
  write.fail();
  await clock.advance(10 * MINUTE_MS);
  expect(await store.readAttachment(current(), 'metrics')).toMatchObject({ series: { loss: {} } });
  await writer.close();
});

test('a report that could not be written is older than what came meanwhile', async () => {
  const writer = new ReportWriter(toParts(), new WriteTurns(clock));
  const report = (phase: 'training' | 'saving', warning: string) => {
    const reported = { attempt: 1, phase, checkpoints: [], warnings: [warning] };
    return writer.offer(record, { reported, result: undefined });
  };
  const write = holdNextWrite();
  const first = report('training', 'one');
  const refused = expect(first).rejects.toThrow();
  await clock.advance(1);
  await write.begun;
  const second = report('saving', 'two');
  write.fail();
  await refused;
  await clock.advance(10 * MINUTE_MS);
  await second;
  expect(current().reported).toMatchObject({ phase: 'saving', warnings: ['one', 'two'] });
  await writer.close();
});

test('a report that could not be written pushes out none of another job that took its name', async () => {
  const writer = new ReportWriter(toParts(), new WriteTurns(clock));
  const offer = (job: JobRecord, warning: string) =>
    writer.offer(job, {
      reported: { attempt: 1, phase: undefined, checkpoints: [], warnings: [warning] },
      result: undefined,
    });
  const write = holdNextWrite();
  const refused = expect(offer(record, 'of the first')).rejects.toThrow();
  await clock.advance(1);
  await write.begun;
  await store.delete(current());
  const next = await store.create(makeDraft('job-1'), PAYLOAD);
  if (next.outcome !== 'created') throw new Error(next.outcome);
  const written = offer(next.record, 'of the second');
  write.fail();
  await refused;
  await clock.advance(10 * MINUTE_MS);
  await written;
  expect(current().reported?.warnings).toEqual(['of the second']);
  await writer.close();
});
