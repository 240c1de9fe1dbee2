import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { ChangeLog } from '../../src/controller/change-log.ts';
import { SecretJobStore } from '../../src/stores/secrets/secret-job-store.ts';
import { eventually } from '../eventually.ts';
import { FakeApiServer } from '../fake-api/fake-api-server.ts';
import { jsonPlanCodec } from '../json-plan-codec.ts';
import { makeDraft, makePayload, TEST_BACKEND } from '../make-draft.ts';

const server = new FakeApiServer();
const stores: SecretJobStore[] = [];
afterEach(() => Promise.all(stores.map((store) => store.close())));

/** What one replica has of streams. */
async function startReplica() {
  const parts = { clock: systemClock, random: () => 0.5, logger: pino({ level: 'silent' }) };
  const settings = { backend: TEST_BACKEND, namespace: 'jobs', planCodec: jsonPlanCodec };
  const store = new SecretJobStore({ ...parts, ...settings, client: server.connect() });
  const changes = new ChangeLog(store);
  stores.push(store);
  await store.open();
  changes.open();
  const followed = (count: number) =>
    eventually(
      (listener) => changes.watch(listener),
      () => changes.next >= count,
    );
  return { store, changes, followed };
}

it('a cursor of one replica leads on at another, and at one that began later if nothing may have gone before', async () => {
  const [one, two] = [await startReplica(), await startReplica()];
  const created = await one.store.create(makeDraft(randomUUID()), makePayload());
  if (created.outcome !== 'created') throw new Error(created.outcome);
  await two.followed(1);
  const cursorAt = (index: number) => two.changes.cursorAt(index) ?? 'not known';
  const early = cursorAt(1);
  await eventually(
    (listener) => one.store.watch(listener),
    () => one.changes.after(early) !== undefined,
  );
  const { name, state } = created.record;
  const running = { ...state, status: 'running', reason: 'RUNNING' } as const;
  await one.store.update(created.record, { state: running });
  await two.followed(2);
  const three = await startReplica();
  for (const { changes } of [one, two]) {
    const missed = changes.after(early)?.map((change) => [change.name, change.to]);
    expect(missed).toEqual([[name, 2]]);
  }
  // A record that went between the two is nothing that the third could tell.
  expect(three.changes.after(early)).toBeUndefined();
  for (const { changes } of [one, two, three]) {
    expect(changes.after(cursorAt(2))).toEqual([]);
  }
  await one.store.delete(one.store.getCached(name) ?? created.record);
  await two.followed(3);
  const gone = two.changes.after(cursorAt(2));
  expect(gone?.map((change) => [change.name, change.isGone])).toEqual([[name, true]]);
});
