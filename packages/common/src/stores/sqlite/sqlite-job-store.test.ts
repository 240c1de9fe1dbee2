import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeClock } from '../../../test/fake-clock.ts';
import { describeJobStore } from '../../../test/job-store-contract.ts';
import { makeDraft, makePayload, TEST_BACKEND } from '../../../test/make-draft.ts';
import { systemClock } from '../../clock.ts';
import type { JobRecord } from '../../jobs/job.ts';
import { Database } from './database.ts';
import { MIGRATIONS } from './schema.ts';
import { SqliteJobStore } from './sqlite-job-store.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sqlite-'));
});
afterAll(() => rm(folder, { recursive: true }));

let files = 0;
function openDatabase(path = join(folder, `state-${files++}`, 'records.sqlite')) {
  return { path, database: new Database(path, systemClock) };
}

async function openStore(database: Database, backend = TEST_BACKEND) {
  const store = new SqliteJobStore(database, backend);
  await store.open();
  return store;
}

describeJobStore('SqliteJobStore', async () => {
  const { database } = openDatabase();
  const store = await openStore(database);
  return {
    store,
    replica: store,
    close: async () => {
      await store.close();
      database.close();
    },
  };
});

test('finds every record and payload again after it was closed', async () => {
  const { path, database } = openDatabase();
  const store = await openStore(database);
  const created = await store.create(makeDraft('kept'), makePayload());
  const record = created.outcome === 'created' ? created.record : undefined;
  if (record === undefined) throw new Error(created.outcome);
  const updated = await store.update(record, { runId: 'run' });
  database.close();

  const again = openDatabase(path).database;
  const reopened = await openStore(again);
  expect([...reopened.list()]).toStrictEqual([updated]);
  expect(await reopened.readPayload(record)).toStrictEqual(makePayload());
  again.close();
});

test('shows each backend its own records of one file', async () => {
  const { path, database } = openDatabase();
  const meta = await openStore(database, 'meta');
  await meta.create(makeDraft('mine'), makePayload());
  const { database: second } = openDatabase(path);
  const nemo = await openStore(second, 'nemo');
  expect(nemo.count()).toBe(0);
  expect(await nemo.getLive(makeDraft('mine').name)).toBeUndefined();
  database.close();
  second.close();
});

test('keeps its files from other users', async () => {
  const { path, database } = openDatabase();
  await (await openStore(database)).create(makeDraft('mode'), makePayload());
  const names = await readdir(join(path, '..'));
  expect(names).toHaveLength(3);
  for (const name of names) {
    expect((await stat(join(path, '..', name))).mode & 0o777).toBe(0o600);
  }
  expect((await stat(join(path, '..'))).mode & 0o777).toBe(0o700);
  database.close();
});

test.each(['purge', 'delete'] as const)(
  'leaves no credential in any file after a %s',
  async (how) => {
    const { path, database } = openDatabase();
    const store = await openStore(database);
    const canary = `hf_secret_of_${how}_${'x'.repeat(9000)}`;
    const created = await store.create(
      makeDraft('canary'),
      makePayload({
        secrets: { A: canary },
        request: { body: { A: '[redacted]' }, withheld: [['A']], values: [canary] },
      }),
    );
    if (created.outcome !== 'created') throw new Error(created.outcome);
    // Not the files themselves, which no report should print.
    const isAtRest = async () => {
      const names = await readdir(join(path, '..'));
      const texts = names.map((name) => readFile(join(path, '..', name), 'latin1'));
      return (await Promise.all(texts)).join().includes('hf_secret_of_');
    };
    expect(await isAtRest()).toBe(true);
    if (how === 'purge') await store.purgeCredentials(created.record);
    else await store.delete(created.record);
    expect(await isAtRest()).toBe(false);
    database.close();
  },
);

describe('a row that somebody damaged', () => {
  const broken = '{"HF_TOKEN":hf_secret}';

  async function damage(...columns: string[]) {
    const { path, database } = openDatabase();
    const store = await openStore(database);
    const created = await store.create(makeDraft('damaged'), makePayload());
    if (created.outcome !== 'created') throw new Error(created.outcome);
    const other = new DatabaseSync(path);
    for (const column of columns) other.prepare(`UPDATE payloads SET ${column} = ?`).run(broken);
    const textOf = () => JSON.stringify(other.prepare('SELECT * FROM payloads').all());
    const close = () => {
      other.close();
      database.close();
    };
    return { store, record: created.record, textOf, close };
  }

  test.each(['asked', 'plan', 'echo'])('has no plan, but its callback (%s)', async (column) => {
    const { store, record, close } = await damage(column);
    expect(await store.readPlan(record)).toBeUndefined();
    const payload = await store.readPayload(record);
    expect(payload).toMatchObject({ plan: {}, callback: makePayload().callback });
    close();
  });

  test('is not quoted by the failure to read its credentials', async () => {
    const { store, record, close } = await damage('secrets');
    const failure = await store.readPayload(record).catch((error: unknown) => error);
    expect(failure).toMatchObject({ message: 'the column secrets of a job is not JSON' });
    expect(inspect(failure)).not.toContain('hf_secret');
    close();
  });

  test.each([['secrets'], ['asked'], ['callback']])(
    'holds no credential after a purge (%s)',
    async (column) => {
      const { store, record, textOf, close } = await damage(column);
      const delivery = { ...record.delivery, settled: 'expired' as const };
      const settled = (await store.update(record, { delivery })) as JobRecord;
      expect(await store.purgeCredentials(settled)).toMatchObject({ areCredentialsGone: true });
      expect(textOf()).not.toMatch(/hf_secret|hook-secret/);
      close();
    },
  );
});

test('waits for a lock without holding up the process', async () => {
  const { path, database } = openDatabase();
  const store = await openStore(database);
  const other = new DatabaseSync(path);
  other.exec('BEGIN IMMEDIATE');
  const creating = store.create(makeDraft('waits'), makePayload());
  // Only a turn of the event loop can give the lock back.
  setImmediate(() => other.exec('ROLLBACK'));
  expect((await creating).outcome).toBe('created');
  other.close();
  database.close();
});

test('says that it is locked, and writes again once it is not', async () => {
  const clock = new FakeClock();
  const path = join(folder, 'locked', 'records.sqlite');
  const database = new Database(path, clock);
  const store = await openStore(database);
  const other = new DatabaseSync(path);
  other.exec('BEGIN IMMEDIATE');
  const creating = store.create(makeDraft('locked'), makePayload());
  const refused = expect(creating).rejects.toMatchObject({
    code: 'CLUSTER_UNAVAILABLE',
    message: expect.stringContaining('another program has locked the file'),
  });
  await clock.advance(6000);
  await refused;
  other.exec('ROLLBACK');
  const created = await store.create(makeDraft('locked'), makePayload());
  expect(created.outcome).toBe('created');
  other.close();
  database.close();
});

test('finds the result that an earlier release kept beside the payload', async () => {
  const path = join(folder, 'second-schema.sqlite');
  const earlier = new DatabaseSync(path);
  for (const migration of MIGRATIONS.slice(0, 2)) earlier.exec(migration);
  earlier.exec(`
    PRAGMA user_version = 2;
    INSERT INTO payloads (uid, asked, plan, echo, secrets, result)
    VALUES ('a', '{}', '{}', '{}', '{}', '{"loss":1}'), ('b', '{}', '{}', '{}', '{}', NULL);
  `);
  earlier.close();
  const database = new Database(path, systemClock);
  const store = await openStore(database);
  const readResult = (uid: string) => store.readAttachment({ uid } as JobRecord, 'result');
  expect(await readResult('a')).toEqual({ loss: 1 });
  expect(await readResult('b')).toBeUndefined();
  database.close();
});

test('has no request of a job that an earlier release accepted', async () => {
  const path = join(folder, 'third-schema.sqlite');
  const earlier = new DatabaseSync(path);
  for (const migration of MIGRATIONS.slice(0, 3)) earlier.exec(migration);
  earlier.exec(`
    PRAGMA user_version = 3;
    INSERT INTO payloads (uid, asked, plan, echo, secrets) VALUES ('a', '{}', '{}', '{}', '{}');
  `);
  earlier.close();
  const database = new Database(path, systemClock);
  const payload = await (await openStore(database)).readPayload({ uid: 'a' } as JobRecord);
  expect(payload).toStrictEqual({
    asked: {},
    plan: {},
    echo: {},
    callback: undefined,
    secrets: {},
  });
  database.close();
});

test.each([
  ['is no database', 'no SQLite database', 'x'.repeat(5000)],
  ['is of a newer release', 'a newer release', undefined],
])('refuses to open a file that %s', (name, sentence, content) => {
  const path = join(folder, `${name.replaceAll(' ', '-')}.sqlite`);
  if (content !== undefined) writeFileSync(path, content);
  else {
    const other = new DatabaseSync(path);
    other.exec('PRAGMA user_version = 99');
    other.close();
  }
  expect(() => new Database(path, systemClock)).toThrow(sentence);
});

test('holds every write that it acknowledged before it was killed', async () => {
  const path = join(folder, 'killed', 'records.sqlite');
  const child = fork(new URL('../../../test/sqlite-writer.ts', import.meta.url), [path]);
  const acknowledged: string[] = [];
  await new Promise<void>((resolve) => {
    child.on('message', (id) => {
      acknowledged.push(String(id));
      if (acknowledged.length === 40) child.kill('SIGKILL');
    });
    child.once('close', () => resolve());
  });
  const { database } = openDatabase(path);
  const store = await openStore(database);
  for (const id of acknowledged) {
    const record = store.getCached(makeDraft(id).name);
    expect(record).toMatchObject({ id, runId: `run-of-${id}` });
    expect(await store.readPayload(record as JobRecord)).toStrictEqual(makePayload());
  }
  database.close();
});
