import { systemClock } from '../src/clock.ts';
import { Database } from '../src/stores/sqlite/database.ts';
import { SqliteJobStore } from '../src/stores/sqlite/sqlite-job-store.ts';
import { makeDraft, makePayload, TEST_BACKEND } from './make-draft.ts';

/** A process that writes records until it is killed, and tells its parent of each once it is kept. */
const [path = ''] = process.argv.slice(2);
const store = new SqliteJobStore(new Database(path, systemClock), TEST_BACKEND);
await store.open();
for (let count = 0; ; count += 1) {
  const id = `job-${count}`;
  const created = await store.create(makeDraft(id), makePayload());
  if (created.outcome !== 'created') throw new Error(created.outcome);
  await store.update(created.record, { runId: `run-of-${id}` });
  process.send?.(id);
  await new Promise(setImmediate);
}
