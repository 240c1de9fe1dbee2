import { beforeEach, expect, it } from 'vitest';
import { FakeClock } from '../../../test/fake-clock.ts';
import { makeRecord } from '../../../test/make-record.ts';
import { type Change, ChangeLog } from '../../controller/change-log.ts';
import { Emitter } from '../../emitter.ts';
import type { JobRecord } from '../../jobs/job.ts';
import type { EventStream } from '../plugins/event-stream.ts';
import { type StreamJobsParts, streamJobs } from './stream-jobs.ts';

const ALL = { jobIds: undefined, statuses: undefined };

let clock: FakeClock;
let records: Map<string, JobRecord>;
let noted: Emitter<string>;
let count: number;
beforeEach(() => {
  clock = new FakeClock();
  records = new Map();
  noted = new Emitter();
  count = 0;
});

/** Something happens to a new job. */
function happen(id: string): void {
  count += 1;
  const history = { asked: 0, job: 1, trainer: 0, delivery: 0 };
  const record = makeRecord({ id, uid: id, version: String(count), history });
  records.set(record.name, record);
  noted.emit(record.name);
}

function openLog(maxChanges?: number): ChangeLog {
  const store = {
    watch: (listener: (name: string) => void) => noted.watch(listener),
    getCached: (name: string) => records.get(name),
    list: () => records.values(),
    seenUpTo: () => String(count),
  };
  return new ChangeLog(store, maxChanges);
}

/** Follows all jobs until there is nothing new; what was written, each event by its first line. */
async function follow(
  changes: ChangeLog,
  { cursor, onRoom }: { readonly cursor: string | undefined; readonly onRoom: () => void },
): Promise<string[]> {
  const written: string[] = [];
  let turns = 0;
  const stream = {
    isClosed: false,
    isBlocked: true,
    ready: async () => {
      turns += 1;
      stream.isClosed = turns > 1;
    },
    room: async () => onRoom(),
    wake: () => {},
    write: (text: string) => {
      if (!stream.isClosed) written.push(text.split('\n')[0] ?? '');
    },
  };
  const views = () =>
    [...records.values()].map((record) => ({ record, state: record.state, progress: undefined }));
  const parts = {
    ...{ changes, clock },
    jobs: { views, rerunsOf: () => [] },
    texts: { of: async ({ jobId }: Change) => [jobId] },
  } as unknown as StreamJobsParts;
  await streamJobs(parts, ALL, { stream: stream as unknown as EventStream, cursor });
  return written;
}

const isCursor = (line: string) => line.startsWith('id: ');
const toShape = (written: readonly string[]) =>
  written.map((line) => (isCursor(line) ? 'id' : line));
const toJobIds = (changes: readonly Change[] | undefined) => changes?.map(({ jobId }) => jobId);

/** Each cursor leads to what was told after it, and to nothing else. */
function expectToLeadOn(changes: ChangeLog, written: readonly string[]): void {
  for (const [index, line] of written.entries()) {
    if (!isCursor(line)) continue;
    const told = written.slice(index + 1).filter((other) => !isCursor(other));
    expect(toJobIds(changes.after(line.slice('id: '.length)))).toEqual(told);
  }
}

it('says on the way through what was missed where a reader goes on who is cut there', async () => {
  const changes = openLog();
  const cursor = changes.cursorAt(0);
  for (const id of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) happen(id);
  const written = await follow(changes, { cursor, onRoom: () => clock.stall(4000) });
  expect(toShape(written)).toEqual(['a', 'b', 'c', 'id', 'd', 'e', 'f', 'id', 'g', 'id']);
  expectToLeadOn(changes, written);
});

it('says so too where there are news for as long as it tells any', async () => {
  const changes = openLog();
  const cursor = changes.cursorAt(0);
  const news = ['b', 'c', 'd', 'e', 'f'];
  happen('a');
  const onRoom = () => {
    clock.stall(4000);
    const id = news.shift();
    if (id !== undefined) happen(id);
  };
  const written = await follow(changes, { cursor, onRoom });
  expect(toShape(written)).toEqual(['a', 'id', 'b', 'c', 'd', 'id', 'e', 'f', 'id']);
  expectToLeadOn(changes, written);
});

it('has no cursor behind changes that it did not tell, and tells all jobs anew', async () => {
  happen('before');
  const changes = openLog(2);
  let rooms = 0;
  const written = await follow(changes, {
    cursor: 'unknown',
    onRoom: () => {
      rooms += 1;
      if (rooms === 1) for (const id of ['a', 'b', 'c', 'd']) happen(id);
    },
  });
  const anew = ['event: stream.reset', 'event: stream.jobs'];
  expect(toShape(written)).toEqual([...anew, ...anew, 'id']);
});
