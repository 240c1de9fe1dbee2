import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DELIVERY_STATES, type DeliveryStateName } from '../../src/requests/delivery-list.ts';
import { type StartedJobs, startJobs } from '../start-jobs.ts';
import { makeRequest, startTestService, type TestService } from '../start-test-service.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../webhook-receiver.ts';

let service: TestService;
let receiver: WebhookReceiver;
beforeEach(async () => {
  receiver = await startWebhookReceiver({ answers: 404 });
  service = await startTestService();
});
afterEach(async () => {
  await service.close();
  await receiver.close();
});

/** As long as the test may take, which has the deadline. */
const until = <T>(check: () => Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: 60_000, interval: 5 });
const list = (query = '') => service.request(`/deliveries${query}`);
const replay = (body: unknown) => service.post('/deliveries/replay', body);

async function submitEnded(job_id: string, callbacks?: object) {
  await service.post('/train', makeRequest({ job_id, ...(callbacks && { callbacks }) }));
  await service.getUntil(job_id, ({ status }) => status === 'succeeded');
}
const untilListed = (query: string, jobIds: readonly string[]) =>
  until(async () => {
    const { body } = await list(query);
    expect(body.data.map(({ job_id }: { job_id: string }) => job_id)).toEqual(jobIds);
    return body;
  });

it('lists what is due, and sends it again once the receiver is well', async () => {
  await submitEnded('without');
  await submitEnded('first', { webhook_url: `${receiver.url}?key=hidden` });
  await submitEnded('second', { webhook_url: receiver.url });
  await until(async () => {
    const { body } = await list('?state=pending');
    expect(body.data.map((row: { attempt_count: number }) => row.attempt_count)).toEqual([
      expect.toSatisfy((count: number) => count > 0),
      expect.toSatisfy((count: number) => count > 0),
    ]);
  });
  const { body, text } = await list('?state=pending&limit=1');
  expect(body).toMatchObject({
    data: [
      {
        ...{ job_id: 'second', state: 'pending', origin: new URL(receiver.url).origin },
        ...{ last_status: 404, last_error: expect.any(String), ended_at: expect.any(String) },
      },
    ],
    has_more: true,
    counts: { pending: 2, delivered: 0, gone: 0, expired: 0 },
  });
  expect(text).not.toContain('hidden');
  const next = await list(`?state=pending&limit=1&cursor=${body.next_cursor}`);
  expect(next.body).toMatchObject({
    data: [{ job_id: 'first' }],
    has_more: false,
    next_cursor: null,
  });

  receiver.respondWith(200);
  const replayed = await replay({ state: 'pending' });
  expect(replayed.status).toBe(202);
  expect(replayed.body).toMatchObject({ refused: [], has_more: false, next_cursor: null });
  expect(replayed.body.replayed.toSorted()).toEqual(['first', 'second']);
  await untilListed('?state=delivered&state=gone', ['second', 'first']);
  expect((await replay({ state: 'pending' })).body.replayed).toEqual([]);
});

it('says which of some jobs cannot be replayed, and replays the others once', async () => {
  receiver.respondWith(200);
  await submitEnded('told', { webhook_url: receiver.url });
  await untilListed('?state=delivered', ['told']);
  await submitEnded('without');
  const { body } = await replay({ state: null, job_ids: ['told', 'nobody', 'without', 'told'] });
  expect(body.replayed).toEqual(['told']);
  const codes = Object.fromEntries(
    body.refused.map(({ job_id, code }: { job_id: string; code: string }) => [job_id, code]),
  );
  expect(codes).toEqual({ nobody: 'JOB_NOT_FOUND', without: 'REPLAY_REFUSED' });
});

it.each([
  ['neither state nor jobs', {}],
  ['what is null', { state: null, job_ids: null }],
  ['both', { state: 'pending', job_ids: ['a'] }],
  ['no job', { job_ids: [] }],
  ['too many', { job_ids: Array.from({ length: 1001 }, (_, n) => `job-${n}`) }],
  ['an impossible id', { job_ids: ['a b'] }],
  ['an unknown state', { state: 'unwanted' }],
  ['a cursor of another answer', { state: 'pending', cursor: 'x' }],
  ['a cursor without a state', { job_ids: ['a'], cursor: 'x' }],
  ['an unknown field', { state: 'pending', limit: 5000 }],
])('refuses to replay %s', async (_, body) => {
  const answer = await replay(body);
  expect([answer.status, answer.body.code]).toEqual([400, 'INVALID_REQUEST']);
});

it.each(['?state=lost', '?limit=0', '?limit=1001', '?limit=x', '?cursor=x'])(
  'refuses %s',
  async (query) => {
    expect((await list(query)).status).toBe(400);
  },
);

/** So many jobs that were cancelled one after the other, of which nothing is sent. */
async function startEnded(count: number): Promise<StartedJobs> {
  const jobs = startJobs({ maxJobs: count });
  for (let n = 0; n < count; n += 1) {
    const callbacks = { webhook_url: 'https://hooks.example.com/x' };
    await jobs.submit({ job_id: `job-${n}`, callbacks });
    await jobs.clock.advance(1);
    await jobs.jobs.cancel(`job-${n}`);
  }
  await jobs.jobs.close();
  return jobs;
}

it('reaches all of each state, each once, when it is asked on', async () => {
  const count = 2001;
  const { jobs, store } = await startEnded(count);
  const settle = async (state: DeliveryStateName) => {
    const settled = state === 'pending' ? undefined : state;
    for (const record of store.list()) {
      if (record.delivery.settled === settled) continue;
      await store.update(record, { delivery: { ...record.delivery, settled } });
    }
  };
  for (const state of DELIVERY_STATES) {
    const pages: string[][] = [];
    let cursor: string | undefined;
    do {
      // What was sent again is in its state once more when the rest is asked for.
      await settle(state);
      const { replayed, refused, nextCursor } = await jobs.replayCallbacks({ state, cursor });
      expect(refused).toEqual([]);
      pages.push(replayed.map(({ id }) => id));
      cursor = nextCursor;
    } while (cursor !== undefined);
    expect(pages.map(({ length }) => length)).toEqual([1000, 1000, 1]);
    expect(new Set(pages.flat()).size).toBe(count);
    expect(pages.at(-1)).toEqual([`job-${count - 1}`]);
  }
});

it('takes for a cursor only what it answered for that state', async () => {
  const { jobs } = await startEnded(1001);
  const { nextCursor: cursor } = await jobs.replayCallbacks({ state: 'pending' });
  const ofList = jobs.listDeliveries({ states: ['pending'], limit: 1 }).nextCursor;
  for (const wrong of [
    { state: 'expired', cursor },
    { state: 'pending', cursor: ofList },
    { state: 'pending', cursor: 'x' },
  ] as const) {
    await expect(jobs.replayCallbacks(wrong)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  }
  expect([cursor, ofList]).toEqual([expect.any(String), expect.any(String)]);
});

it('replays at most a thousand of a state, the oldest, and none that has left it meanwhile', async () => {
  const jobs = await startEnded(1002);
  const find = (id: string) => [...jobs.store.list()].find((record) => record.id === id);
  const [first, second] = [find('job-0'), find('job-1')];
  if (first === undefined || second === undefined) throw new Error('they are gone');
  const update = jobs.store.update.bind(jobs.store);
  vi.spyOn(jobs.store, 'update').mockImplementationOnce(async (record) => {
    // Delivered in the very moment in which its replay is written.
    await update(record, { delivery: { ...record.delivery, settled: 'delivered' } });
    return undefined;
  });
  const { replayed, refused, nextCursor } = await jobs.jobs.replayCallbacks({ state: 'pending' });
  expect([replayed.length, refused, nextCursor]).toEqual([999, [], expect.any(String)]);
  expect(find('job-0')?.delivery.settled).toBe('delivered');
  expect(find('job-1')?.delivery.replayedAtMs).toBe(jobs.clock.now());
  expect(find('job-1001')?.delivery.replayedAtMs).toBeUndefined();
});
