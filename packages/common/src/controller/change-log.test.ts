import { beforeEach, describe, expect, it } from 'vitest';
import { makeRecord } from '../../test/make-record.ts';
import { Emitter } from '../emitter.ts';
import type { JobRecord } from '../jobs/job.ts';
import { type Change, ChangeLog } from './change-log.ts';

/** What a replica knows of the records that a cluster holds. */
class Replica {
  readonly records = new Map<string, JobRecord>();
  readonly changes = new Emitter<string>();
  seen = '0';

  /** The event of a watch, or, with `isOwn`, the answer to a write that the watch has yet to tell of. */
  take(id: string, version: number, job: number, { isOwn = false, uid = id } = {}): void {
    const record = makeRecord({
      ...{ id, uid, version: String(version) },
      history: { asked: 0, job, trainer: 0, delivery: 0 },
    });
    this.records.set(record.name, record);
    if (!isOwn) this.seen = String(version);
    this.changes.emit(record.name);
  }

  forget(id: string): void {
    const { name } = makeRecord({ id });
    this.records.delete(name);
    this.changes.emit(name);
  }

  toLog(maxChanges?: number): ChangeLog {
    const store = {
      watch: (listener: (name: string) => void) => this.changes.watch(listener),
      getCached: (name: string) => this.records.get(name),
      list: () => this.records.values(),
      seenUpTo: () => this.seen,
    };
    return new ChangeLog(store, maxChanges);
  }
}

const toTold = (changes: readonly Change[] | undefined) =>
  changes?.map(({ jobId, isGone, from, to }) => `${jobId} ${from}-${to}${isGone ? ' gone' : ''}`);
const allOf = (log: ChangeLog) => {
  const changes: Change[] = [];
  for (let index = 0; index < log.next; index += 1) {
    const change = log.at(index);
    if (change !== undefined && change !== 'lost') changes.push(change);
  }
  return changes;
};

/** Where a reader goes on who was told all before that number, by default all that there is. */
const cursorOf = (from: ChangeLog, index = from.next) => {
  const cursor = from.cursorAt(index);
  if (cursor === undefined) throw new Error(`No cursor at ${index}.`);
  return cursor;
};

let replica: Replica;
let log: ChangeLog;
beforeEach(() => {
  replica = new Replica();
  log = replica.toLog();
});

describe('what it notes', () => {
  it('is which events are new, and nothing where none are', () => {
    replica.take('a', 1, 1);
    replica.take('a', 2, 1);
    replica.take('a', 3, 3);
    replica.take('b', 4, 0);
    expect(toTold(allOf(log))).toEqual(['a 0-1', 'a 1-3']);
  });

  it('is that a record is gone, also where another one has its name by then', () => {
    replica.take('a', 1, 2);
    replica.take('a', 2, 1, { uid: 'later' });
    replica.forget('a');
    replica.forget('unknown');
    expect(toTold(allOf(log))).toEqual(['a 0-2', 'a 2-2 gone', 'a 0-1', 'a 1-1 gone']);
  });

  it('begins where records stood when it was opened', () => {
    replica.take('a', 1, 2);
    const opened = replica.toLog();
    opened.open();
    replica.take('a', 2, 3);
    expect(toTold(allOf(opened))).toEqual(['a 2-3']);
  });

  it('is told to those who watch, until it is closed', () => {
    let count = 0;
    log.watch(() => {
      count += 1;
    });
    replica.take('a', 1, 1);
    log.close();
    replica.take('a', 2, 2);
    expect([count, log.next]).toEqual([1, 1]);
  });
});

describe('a cursor', () => {
  it('leads on at another replica, and at one that began later', () => {
    const other = new Replica();
    const otherLog = other.toLog();
    for (const each of [replica, other]) {
      each.take('a', 10, 1);
      each.take('b', 20, 1);
    }
    const cursor = cursorOf(log);
    expect(otherLog.after(cursor)).toEqual([]);
    other.take('a', 30, 2);
    expect(toTold(otherLog.after(cursor))).toEqual(['a 1-2']);

    const later = new Replica();
    const laterLog = later.toLog();
    later.take('b', 20, 1);
    later.take('a', 30, 2);
    expect(toTold(laterLog.after(cursor))).toEqual(['a 0-2']);
  });

  it('never skips what was still on its way when a write of our own was told', () => {
    replica.take('a', 10, 1);
    replica.take('b', 12, 1, { isOwn: true });
    const cursor = cursorOf(log);
    replica.take('c', 11, 1);
    expect(toTold(log.after(cursor))).toEqual(['b 0-1', 'c 0-1']);
    expect(toTold(log.after(cursorOf(log)))).toEqual(['b 0-1']);
    // Not yet told, though older than what is.
    expect(toTold(log.after(cursorOf(log, 2)))).toEqual(['b 0-1', 'c 0-1']);
  });

  it('tells what went meanwhile, and not what came again before it', () => {
    replica.take('a', 10, 1);
    replica.take('b', 20, 1);
    const cursor = cursorOf(log);
    replica.forget('a');
    expect(toTold(log.after(cursor))).toEqual(['a 1-1 gone']);
    replica.take('a', 30, 1, { uid: 'again' });
    expect(toTold(log.after(cursor))).toEqual(['a 1-1 gone', 'a 0-1']);
    expect(log.after(cursorOf(log))).toEqual([]);
  });

  it('is not known where what went meanwhile left no trace', () => {
    replica.take('a', 10, 1);
    replica.take('b', 20, 1);
    const cursor = cursorOf(log);
    const later = new Replica();
    later.take('b', 20, 1);
    later.seen = '25';
    const opened = later.toLog();
    opened.open();
    expect(opened.after(cursor)).toBeUndefined();
    later.take('b', 30, 2);
    expect(toTold(opened.after(cursorOf(opened)))).toEqual([]);
  });

  it('is not known once what came after it is not kept', () => {
    const short = replica.toLog(2);
    replica.take('a', 1, 1);
    const cursor = cursorOf(short, 1);
    for (let version = 2; version <= 4; version += 1) replica.take('a', version, version);
    expect(short.after(cursor)).toBeUndefined();
    // Whoever was told that far missed one that is not kept either.
    expect(short.cursorAt(1)).toBeUndefined();
    expect([short.at(1), toTold(short.after(cursorOf(short, 2)))]).toEqual([
      'lost',
      ['a 2-3', 'a 3-4'],
    ]);
  });

  it('is not known once what went at its very place is not kept', () => {
    replica.take('a', 1, 1);
    const short = replica.toLog(2);
    short.open();
    replica.take('b', 2, 1);
    const cursor = cursorOf(short);
    replica.forget('a');
    expect(toTold(short.after(cursor))).toEqual(['a 1-1 gone']);
    for (const version of [3, 4]) replica.take('b', version, version);
    expect([short.at(1), short.after(cursor)]).toEqual(['lost', undefined]);
    expect(short.after(cursorOf(short, 3))).toHaveLength(1);
  });

  it('is not known of the future, of another service, or of no service', () => {
    replica.take('a', 10, 1);
    const cursor = cursorOf(log, 1);
    replica.seen = '9';
    expect(log.after(cursor)).toBeUndefined();
    for (const text of ['', '0', 'x', Buffer.from('cluster -1').toString('base64url')]) {
      expect(log.after(text)).toBeUndefined();
    }
  });

  it('is of one process where versions are', () => {
    const { records, changes } = replica;
    const store = {
      watch: (listener: (name: string) => void) => changes.watch(listener),
      getCached: (name: string) => records.get(name),
      list: () => records.values(),
    };
    const [own, restarted] = [new ChangeLog(store), new ChangeLog(store)];
    replica.take('a', 7, 1);
    const cursor = cursorOf(own, 1);
    replica.take('b', 1, 1);
    expect(toTold(own.after(cursor))).toEqual(['b 0-1']);
    expect(restarted.after(cursor)).toBeUndefined();
  });
});
