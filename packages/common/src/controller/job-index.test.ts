import { expect, test } from 'vitest';
import { Emitter } from '../emitter.ts';
import type { JobRecord } from '../jobs/job.ts';
import { JobIndex } from './job-index.ts';

function createIndex() {
  const records = new Map<string, JobRecord>();
  const [recordChanges, runChanges] = [new Emitter<string>(), new Emitter<string>()];
  const looked: string[] = [];
  const index = new JobIndex({
    store: {
      watch: (listener) => recordChanges.watch(listener),
      list: () => records.values(),
      getCached: (name) => records.get(name),
    },
    runner: { watch: (listener) => runChanges.watch(listener) },
    look: (record) => {
      looked.push(record.name);
      return { record, state: record.state, progress: undefined };
    },
  });
  return {
    index,
    put: (name: string, uid = name) => {
      records.set(name, { name, uid, state: {} } as JobRecord);
      recordChanges.emit(name);
    },
    remove: (name: string) => {
      records.delete(name);
      recordChanges.emit(name);
    },
    runChanges,
    names: () => index.newestFirst().map(({ name }) => name),
    /** What was looked at since the last call. */
    takeLooked: () => looked.splice(0),
  };
}

test('only jobs that have changed are looked at again', () => {
  const { put, names, takeLooked, runChanges } = createIndex();
  for (const name of ['a', 'b', 'c']) put(name);
  expect(takeLooked()).toEqual([]);
  expect(names()).toEqual(['c', 'b', 'a']);
  expect(takeLooked()).toEqual(['a', 'b', 'c']);
  expect(names()).toEqual(['c', 'b', 'a']);
  expect(takeLooked()).toEqual([]);
  put('b');
  runChanges.emit('a');
  runChanges.emit('a');
  expect(names()).toEqual(['c', 'b', 'a']);
  expect(takeLooked().sort()).toEqual(['a', 'b']);
});

test('jobs come and go, and one that comes again is a new one', () => {
  const { put, remove, names, runChanges } = createIndex();
  for (const name of ['a', 'b']) put(name);
  expect(names()).toEqual(['b', 'a']);
  put('c');
  remove('a');
  // A run that outlives its record is nobody's.
  runChanges.emit('a');
  expect(names()).toEqual(['c', 'b']);
  remove('b');
  put('b', 'another');
  expect(names()).toEqual(['b', 'c']);
});

test('a job can be looked at out of turn', () => {
  const { index, put, names, takeLooked } = createIndex();
  put('a');
  names();
  takeLooked();
  const [job] = index.newestFirst();
  expect(job && index.refresh(job)).toBe(index.newestFirst()[0]);
  expect(takeLooked()).toEqual(['a']);
});
