import { beforeEach, describe, expect, it } from 'vitest';
import { makeRecord } from '../../test/make-record.ts';
import { Emitter } from '../emitter.ts';
import { errors } from '../errors.ts';
import type { JobRecord } from '../jobs/job.ts';
import type { JobEvent } from '../jobs/job-event.ts';
import type { Observation } from '../jobs/observation.ts';
import { JobFeed } from './job-feed.ts';

const toEvent = (id: number) => ({ id }) as JobEvent;
const withRevision = (job: number): JobRecord =>
  makeRecord({ id: 'a', uid: 'uid', history: { asked: 0, job, trainer: 0, delivery: 0 } });

let reads: (() => Promise<readonly JobEvent[]>)[];
let readCount: number;
let seen: Observation | undefined;
let records: Emitter<string>;
let runs: Emitter<string>;
let feed: JobFeed;
beforeEach(() => {
  reads = [];
  readCount = 0;
  records = new Emitter();
  runs = new Emitter();
  feed = new JobFeed({
    store: {
      watch: (listener) => records.watch(listener),
      readEvents: async () => {
        readCount += 1;
        return reads.shift()?.() ?? [];
      },
    },
    runner: { watch: (listener) => runs.watch(listener), getCached: () => seen },
  });
});

describe('reading events', () => {
  it('reads once for all who want the same, and nothing for who knows all', async () => {
    reads = [async () => [1, 2, 3].map(toEvent)];
    const record = withRevision(3);
    const told = await Promise.all([0, 2, 3].map((after) => feed.readEvents(record, after)));
    expect(told.map((events) => events.map(({ id }) => id))).toEqual([[1, 2, 3], [3], []]);
    expect(await feed.readEvents(makeRecord(), 0)).toEqual([]);
    expect(readCount).toBe(1);
  });

  it('leaves what is newer than the record to its own turn', async () => {
    reads = [async () => [1, 2].map(toEvent), async () => [1, 2].map(toEvent)];
    expect(await feed.readEvents(withRevision(1), 0)).toEqual([toEvent(1)]);
    expect(await feed.readEvents(withRevision(2), 1)).toEqual([toEvent(2)]);
  });

  it('reads again after a failure', async () => {
    reads = [() => Promise.reject(errors.clusterUnreachable()), async () => [toEvent(1)]];
    await expect(feed.readEvents(withRevision(1), 0)).rejects.toThrow('cannot be reached');
    expect(await feed.readEvents(withRevision(1), 0)).toEqual([toEvent(1)]);
  });
});

it('tells of changes of the record and of the run, until that is stopped', () => {
  let count = 0;
  const unwatch = feed.watch('a', () => {
    count += 1;
  });
  for (const changes of [records, runs]) for (const name of ['a', 'b']) changes.emit(name);
  expect(count).toBe(2);
  unwatch();
  records.emit('a');
  expect(count).toBe(2);
});

describe('whether a job is over', () => {
  const ended = makeRecord({
    uid: 'uid',
    state: { ...makeRecord().state, status: 'cancelled', reason: 'CANCELLED_BY_REQUEST' },
  });
  const run = {
    exists: true,
    runId: 'run',
    recordUid: 'uid',
    isStopping: false,
    status: 'running',
  } as Extract<Observation, { exists: true }>;

  it.each([
    ['its run goes on after its end', run, false],
    ['its run is being stopped', { ...run, status: 'cancelled', isStopping: true }, false],
    ['nothing is known of its run', undefined, false],
    ['its run has ended', { ...run, status: 'failed' }, true],
    ['its run is gone', { exists: false }, true],
    ['the run is that of another job', { ...run, recordUid: 'other' }, true],
  ] as const)('%s', (_, observation, isOver) => {
    seen = observation as Observation | undefined;
    expect(feed.isOver(ended)).toBe(isOver);
    expect(feed.isOver(makeRecord({ uid: 'uid' }))).toBe(false);
  });
});
