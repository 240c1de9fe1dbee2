import { pino } from 'pino';
import { beforeEach, expect, it } from 'vitest';
import { makeDraft, makePayload } from '../../test/make-draft.ts';
import type { JobRecord } from '../jobs/job.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { MemoryJobStore } from '../jobs/memory-job-store.ts';
import { tellRerun } from './reruns.ts';

const MADE_AT_MS = makeDraft('root').createdAtMs;
const by = { type: 'token', name: 'ops' } as const;
const logger = pino({ level: 'silent' });

let store: MemoryJobStore;
beforeEach(async () => {
  store = new MemoryJobStore();
  await create('root', MADE_AT_MS);
});

async function create(id: string, createdAtMs: number, rerunOf?: string): Promise<JobRecord> {
  const origin = rerunOf && { jobId: rerunOf, from: 'start' as const, fingerprint: id };
  const draft = makeDraft(id, { createdAtMs, ...(origin && { rerunOf: origin }) });
  const created = await store.create(draft, makePayload(), by);
  if (created.outcome !== 'created') throw new Error(created.outcome);
  return created.record;
}
const createRerun = (id: string, afterMs: number) => create(id, MADE_AT_MS + afterMs, 'root');
const tell = (rerun: JobRecord, isReplay: boolean, of: Told = store) =>
  tellRerun({ store: of as JobStore, logger }, rerun, { by, isReplay });

type Told = Pick<JobStore, 'get' | 'getLive' | 'readEvents' | 'update'>;

async function readRoot(): Promise<JobRecord> {
  const [root] = [...store.list()].filter(({ id }) => id === 'root');
  if (root === undefined) throw new Error('there is no root');
  return root;
}
/** Which reruns the job before them tells of. */
async function toldIds(): Promise<unknown[]> {
  const events = await store.readEvents(await readRoot());
  return events.filter(({ type }) => type === 'job.rerun').map(({ data }) => data.job_id);
}

it.each([
  ['the repetition', true],
  ['the one that made it', false],
])('is told once where two replicas are asked at once, and %s looks first', async (_, isReplay) => {
  const rerun = await createRerun('again', 1);
  const looked = Promise.withResolvers<void>();
  const other = Promise.withResolvers<void>();
  const waitForOther = () => {
    looked.resolve();
    return other.promise;
  };
  const replica: Told = {
    get: (name) => store.get(name),
    getLive: (name) => store.getLive(name),
    readEvents: async (record) => {
      const events = await store.readEvents(record);
      await waitForOther();
      return events;
    },
    update: async (record, change) => {
      await waitForOther();
      return store.update(record, change);
    },
  };
  const telling = tell(rerun, isReplay, replica);
  await looked.promise;
  await tell(rerun, !isReplay);
  other.resolve();
  await telling;
  expect(await toldIds()).toEqual(['again']);
});

it('is not told anew by a repetition, however much was asked of the job since', async () => {
  const first = await createRerun('first', 1);
  await tell(first, false);
  for (let n = 2; n < 9; n += 1) await tell(await createRerun(`later-${n}`, n), false);
  expect(await toldIds()).not.toContain('first');
  const { history, version } = await readRoot();
  for (let n = 0; n < 3; n += 1) await tell(first, true);
  expect(await readRoot()).toMatchObject({ history, version });
});

it('is told by its repetition where that could not be written at first', async () => {
  const first = await createRerun('first', 1);
  for (let n = 2; n < 5; n += 1) await tell(await createRerun(`later-${n}`, n), false);
  await tell(first, true);
  expect(await toldIds()).toEqual(['later-2', 'later-3', 'later-4', 'first']);
  // Also of a job of which much was told before.
  for (let n = 5; n < 20; n += 1) await tell(await createRerun(`later-${n}`, n), false);
  const last = await createRerun('last', 20);
  await tell(last, true);
  await tell(last, true);
  expect((await toldIds()).slice(-2)).toEqual(['later-19', 'last']);
});

it('is told again where another one has the id of one that was forgotten', async () => {
  const first = await createRerun('again', 1);
  await tell(first, false);
  await store.delete(first);
  await tell(await createRerun('again', 2), false);
  expect(await toldIds()).toEqual(['again', 'again']);
});
