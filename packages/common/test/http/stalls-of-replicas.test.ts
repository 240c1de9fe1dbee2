import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MemoryJobStore } from '../../src/jobs/memory-job-store.ts';
import { FakeClock } from '../fake-clock.ts';
import { FakeLeadership } from '../fake-leadership.ts';
import { FakeRunner } from '../fake-runner.ts';
import { type ReportBed, startReportBed } from '../report-bed.ts';
import { makeRequest } from '../start-test-service.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** One of several services over one store. */
interface Replica extends ReportBed {
  readonly leadership: FakeLeadership;
}

let clock: FakeClock;
let store: MemoryJobStore;
let runner: FakeRunner;
let behindMs: number;
let open: Replica[];
let logged: Record<string, unknown>[];
beforeEach(() => {
  clock = new FakeClock();
  store = new MemoryJobStore();
  behindMs = 0;
  store.behindForMs = () => behindMs;
  runner = new FakeRunner();
  open = [];
  logged = [];
});
afterEach(() => Promise.all(open.map(({ service }) => service.close())));

async function start({ isLeader = true } = {}): Promise<Replica> {
  const leadership = new FakeLeadership(isLeader);
  const bed = await startReportBed({
    clock,
    logger: pino({ base: null }, { write: (line: string) => logged.push(JSON.parse(line)) }),
    decorate: {
      platform: (made) => ({ ...made, store, runner, leadership, close: async () => {} }),
      webhookClient: (client) => client,
    },
  });
  const replica = { ...bed, leadership };
  open.push(replica);
  return replica;
}

async function submit({ service, readRecord }: Replica) {
  await service.post('/train', makeRequest());
  await see(readRecord('job-1'), { status: 'running', reason: 'RUNNING' });
}
const see = async (
  record: ReturnType<ReportBed['readRecord']>,
  seen: Parameters<FakeRunner['show']>[1],
) => {
  runner.show(record, { startedAtMs: clock.now(), ...seen });
  await clock.advance(SECOND);
};
async function report({ report: send }: Replica, step: number, attempt = 1) {
  const answer = await send('job-1', { attempt, phase: 'training', step });
  expect(answer.status).toBe(200);
  await clock.advance(10 * SECOND);
  return answer.body.orders;
}
async function standStill(replica: Replica, step: number, forMs: number) {
  const orders: unknown[] = [];
  for (let passedMs = 0; passedMs < forMs; passedMs += 10 * SECOND) {
    orders.push(...(await report(replica, step)));
  }
  return orders;
}
const phase = async ({ service }: Replica) => (await service.request('/train/job-1')).body.phase;
const stalls = async ({ service }: Replica) =>
  (
    (await service.request('/train/job-1/events')).body.data as {
      data: { phase?: string; owner?: string };
    }[]
  )
    .filter(({ data }) => data.phase === 'stalled')
    .map(({ data }) => data.owner);

test('a hang is found by a service that was started after the last report', async () => {
  const before = await start();
  await submit(before);
  await report(before, 3);
  await before.service.close();
  await clock.advance(60 * MINUTE);
  const after = await start();
  await clock.advance(5 * MINUTE - SECOND);
  expect(await phase(after)).toBe('training');
  await clock.advance(SECOND);
  expect(await phase(after)).toBe('stalled');
  await report(after, 4);
  expect(await phase(after)).toBe('training');
});

test('the log tells once that a training stands still, and that it goes on', async () => {
  const leader = await start();
  await start({ isLeader: false });
  await submit(leader);
  await report(leader, 3);
  await clock.advance(20 * MINUTE);
  await report(leader, 4);
  const { name } = leader.readRecord('job-1');
  const job = { job_id: 'job-1', backend_job_id: name };
  expect(logged.filter(({ msg }) => /^training (stands|goes)/.test(String(msg)))).toMatchObject([
    { ...job, level: 40, owner: 'no reports', msg: 'training stands still' },
    { ...job, level: 30, msg: 'training goes on' },
  ]);
});

test('a known stall is one after a restart too, until its reports tell of another step', async () => {
  const before = await start();
  await submit(before);
  await report(before, 1);
  await report(before, 3);
  await standStill(before, 3, 6 * MINUTE);
  await before.service.close();
  const after = await start();
  await standStill(after, 3, MINUTE);
  expect(await phase(after)).toBe('stalled');
  await report(after, 4);
  expect(await phase(after)).toBe('training');
  expect(await stalls(after)).toEqual(['no step']);
});

test('a silence that is known is one after a restart too, until a report comes', async () => {
  const before = await start();
  await submit(before);
  await report(before, 3);
  await clock.advance(6 * MINUTE);
  await before.service.close();
  const after = await start();
  await clock.advance(20 * MINUTE);
  expect(await phase(after)).toBe('stalled');
  await report(after, 3);
  expect(await phase(after)).toBe('training');
  expect(await stalls(after)).toEqual(['no reports']);
});

test('of several replicas the one that leads says so, also of what another was told', async () => {
  const [leader, other] = [await start(), await start({ isLeader: false })];
  await submit(leader);
  await report(other, 3);
  await clock.advance(4 * MINUTE);
  await report(leader, 3);
  // The other one has heard nothing for longer than that.
  await clock.advance(4 * MINUTE);
  expect(await phase(leader)).toBe('training');
  await clock.advance(MINUTE);
  expect(await phase(leader)).toBe('stalled');
  await clock.advance(20 * MINUTE);
  expect(await stalls(leader)).toEqual(['no reports']);
});

test('whichever replica notes that a stall is over says so in its log', async () => {
  const [leader, other] = [await start(), await start({ isLeader: false })];
  await submit(leader);
  await report(leader, 3);
  await clock.advance(6 * MINUTE);
  expect(await phase(leader)).toBe('stalled');
  logged = [];
  // Another run, which knows of no stall.
  await report(other, 1, 2);
  expect(await phase(leader)).toBe('training');
  expect(logged).toContainEqual(
    expect.objectContaining({ job_id: 'job-1', msg: 'training goes on' }),
  );
});

test('the one that leads finds the silence of a job that reported to another alone', async () => {
  const [leader, other] = [await start(), await start({ isLeader: false })];
  await submit(leader);
  await report(other, 3);
  await other.service.close();
  await clock.advance(5 * MINUTE);
  expect(await phase(leader)).toBe('stalled');
});

test('who takes the lead watches from then on', async () => {
  const [first, second] = [await start(), await start({ isLeader: false })];
  await submit(first);
  await report(second, 1);
  first.leadership.set(false);
  await clock.advance(20 * MINUTE);
  expect(await phase(second)).toBe('training');
  second.leadership.set(true);
  await clock.advance(5 * MINUTE - SECOND);
  expect(await phase(second)).toBe('training');
  await clock.advance(SECOND);
  expect(await phase(second)).toBe('stalled');
  expect(await stalls(second)).toEqual(['no reports']);
});

test('only the one that leads asks where a training stands', async () => {
  const [leader, other] = [await start(), await start({ isLeader: false })];
  await submit(leader);
  for (const replica of [leader, other]) {
    await report(replica, 1);
    await report(replica, 2);
  }
  expect(await standStill(other, 2, 6 * MINUTE)).toEqual([]);
  expect(await standStill(leader, 2, 6 * MINUTE)).toEqual([{ do: 'stacks' }]);
  expect(await standStill(other, 2, 6 * MINUTE)).toEqual([]);
});

test('a job that has never reported is not stalled after a restart either', async () => {
  const before = await start();
  await submit(before);
  await before.service.close();
  const after = await start();
  await clock.advance(60 * MINUTE);
  expect(await phase(after)).toBe('training');
  expect(await stalls(after)).toEqual([]);
});

test('time in which the store is out of reach does not count', async () => {
  const leader = await start();
  await submit(leader);
  await report(leader, 3);
  behindMs = 31 * SECOND;
  await clock.advance(20 * MINUTE);
  behindMs = 0;
  expect(await stalls(leader)).toEqual([]);
  await clock.advance(5 * MINUTE + SECOND);
  expect(await stalls(leader)).toEqual(['no reports']);
});

test('a job that its queue stopped half way is not stalled, nor is one that goes on', async () => {
  const leader = await start();
  await submit(leader);
  await report(leader, 3);
  await see(leader.readRecord('job-1'), { status: 'submitted', reason: 'QUEUED' });
  expect(leader.readRecord('job-1').state.reason).toBe('PREEMPTED');
  await clock.advance(19 * MINUTE);
  await see(leader.readRecord('job-1'), { status: 'running', reason: 'RUNNING' });
  await clock.advance(4 * MINUTE);
  expect(await phase(leader)).toBe('training');
  expect(await stalls(leader)).toEqual([]);
  await clock.advance(MINUTE);
  expect(await stalls(leader)).toEqual(['no reports']);
});

test('a job that its queue stopped while it was stalled is not counted as stalled', async () => {
  const leader = await start();
  await submit(leader);
  await report(leader, 3);
  await clock.advance(6 * MINUTE);
  await see(leader.readRecord('job-1'), { status: 'submitted', reason: 'QUEUED' });
  const metrics = (await leader.service.request('/metrics')).text;
  expect(metrics).toMatch(/^trainer_stalled_jobs\{owner="no reports",.*\} 0$/m);
});
