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
    names: async () => {
      await index.ready();
      return index.newestFirst().map(({ name }) => name);
    },
    /** What was looked at since the last call. */
    takeLooked: () => looked.splice(0),
  };
}

test('only jobs that have changed are looked at again', async () => {
  const { put, names, takeLooked, runChanges } = createIndex();
  for (const name of ['a', 'b', 'c']) put(name);
  expect(takeLooked()).toEqual([]);
  expect(await names()).toEqual(['c', 'b', 'a']);
  expect(takeLooked()).toEqual(['a', 'b', 'c']);
  expect(await names()).toEqual(['c', 'b', 'a']);
  expect(takeLooked()).toEqual([]);
  put('b');
  runChanges.emit('a');
  runChanges.emit('a');
  expect(await names()).toEqual(['c', 'b', 'a']);
  expect(takeLooked().sort()).toEqual(['a', 'b']);
});

test('jobs come and go, and one that comes again is a new one', async () => {
  const { put, remove, names, runChanges } = createIndex();
  for (const name of ['a', 'b']) put(name);
  expect(await names()).toEqual(['b', 'a']);
  put('c');
  remove('a');
  // A run that outlives its record is nobody's.
  runChanges.emit('a');
  expect(await names()).toEqual(['c', 'b']);
  remove('b');
  put('b', 'another');
  expect(await names()).toEqual(['b', 'c']);
});

test('a job can be looked at out of turn', async () => {
  const { index, put, names, takeLooked } = createIndex();
  put('a');
  await names();
  takeLooked();
  const [job] = index.newestFirst();
  expect(job && index.refresh(job)).toBe(index.newestFirst()[0]);
  expect(takeLooked()).toEqual(['a']);
});

test('a first look at very many jobs leaves room for others, and misses nothing of them', async () => {
  const { index, put, remove } = createIndex();
  for (let number = 0; number < 5000; number += 1) put(`job-${number}`);
  const ready = index.ready();
  put('late');
  remove('job-0');
  remove('job-4999');
  await ready;
  const names = index.newestFirst().map(({ name }) => name);
  expect(names).toHaveLength(4999);
  expect(names).toContain('late');
  expect(names).not.toContain('job-0');
});
