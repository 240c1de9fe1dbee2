import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeApiServer } from '../../../../test/fake-api/fake-api-server.ts';
import { FakeClock } from '../../../../test/fake-clock.ts';
import { ApiError } from '../../../kubernetes/api-client.ts';
import { WorkloadWatch } from './workload-watch.ts';

const WORKLOADS = '/apis/kueue.x-k8s.io/v1beta2/namespaces/jobs/workloads';
const TOO_MUCH = { reason: 'QUEUE_MISCONFIGURED', detail: "LocalQueue a doesn't exist" };

/** Long enough for everything that waits for nothing but promises. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('WorkloadWatch', () => {
  let server: FakeApiServer;
  let clock: FakeClock;
  let waiting: string[];
  let watch: WorkloadWatch;
  let told: string[];
  /** Called whenever it is asked who waits. */
  let onListed: () => void;

  beforeEach(() => {
    server = new FakeApiServer();
    clock = new FakeClock();
    waiting = ['first'];
    told = [];
    onListed = () => {};
    watch = new WorkloadWatch({
      ...{ client: server.connect(), clock, random: () => 0.5, namespace: 'jobs' },
      logger: pino({ level: 'silent' }),
      listWaiting: () => {
        onListed();
        return waiting;
      },
    });
    watch.watch((name) => told.push(name));
  });
  afterEach(() => watch.close());

  function addWorkload(job: string, message: string, kind = 'TrainJob') {
    const path = `${WORKLOADS}/trainjob-${job}-1`;
    server.create(WORKLOADS, {
      metadata: {
        name: `trainjob-${job}-1`,
        ownerReferences: [{ apiVersion: 'v1', kind, name: job, uid: `uid-of-${job}` }],
      },
    });
    const say = (status: 'True' | 'False', said: string) =>
      server.setStatus(path, {
        conditions: [{ type: 'QuotaReserved', status, reason: 'Pending', message: said }],
      });
    say('False', message);
    return say;
  }
  const calls = () => server.requests.filter(({ path }) => path === WORKLOADS).length;

  test('asks for nothing before a job waits, and then follows why', async () => {
    const say = addWorkload('first', "LocalQueue a doesn't exist");
    addWorkload('stranger', "LocalQueue a doesn't exist", 'Job');
    await settle();
    expect([calls(), watch.isComplete]).toEqual([0, false]);
    watch.note();
    watch.note();
    await settle();
    expect([watch.get('uid-of-first'), watch.isComplete]).toEqual([TOO_MUCH, true]);
    expect(watch.get('uid-of-stranger')).toBeUndefined();
    expect(server.watchCount).toBe(1);
    told = [];
    say('False', 'LocalQueue a is inactive');
    await settle();
    expect(watch.get('uid-of-first')).toMatchObject({ reason: 'QUEUED' });
    say('False', 'The workload is deactivated');
    await settle();
    expect(watch.get('uid-of-first')).toMatchObject({ detail: 'The workload is deactivated' });
    expect(told).toEqual(['first']);
    say('True', 'Quota reserved');
    await settle();
    expect(watch.get('uid-of-first')).toBe('admitted');
    expect(told).toEqual(['first', 'first']);
  });

  test('ends once nobody waits, and begins again with the next', async () => {
    watch.note();
    await settle();
    waiting = [];
    await clock.advance(60_000);
    await settle();
    expect([server.watchCount, watch.isComplete]).toEqual([0, false]);
    waiting = ['second'];
    watch.note();
    await settle();
    expect([server.watchCount, watch.isComplete]).toEqual([1, true]);
  });

  test('begins again for a job that waits since the moment in which it ends', async () => {
    addWorkload('second', "LocalQueue a doesn't exist");
    watch.note();
    await settle();
    onListed = () => {
      onListed = () => {};
      queueMicrotask(() => {
        waiting = ['second'];
        watch.note();
      });
    };
    waiting = [];
    await clock.advance(60_000);
    await settle();
    expect([watch.get('uid-of-second'), watch.isComplete]).toEqual([TOO_MUCH, true]);
    expect(server.watchCount).toBe(1);
  });

  test.each([
    ['a right that is missing', 403, true, 300_000],
    ['a cluster without Kueue', 404, true, 300_000],
    ['a server that is away', 503, false, 15_000],
  ])('asks again after %s, and says what is known', async (_, status, isComplete, delayMs) => {
    server.before = () => {
      throw new ApiError('no', { status });
    };
    watch.note();
    await settle();
    expect([watch.isComplete, calls()]).toEqual([isComplete, 1]);
    expect(told).toEqual(isComplete ? ['first'] : []);
    server.before = () => {};
    addWorkload('first', "LocalQueue a doesn't exist");
    await clock.advance(delayMs - 1);
    expect(calls()).toBe(1);
    await clock.advance(1);
    await settle();
    expect(watch.get('uid-of-first')).toEqual(TOO_MUCH);
  });

  test('forgets what it can no longer follow', async () => {
    addWorkload('first', "LocalQueue a doesn't exist");
    watch.note();
    await settle();
    server.before = () => {
      throw new ApiError('no', { status: 403, reason: 'Forbidden' });
    };
    server.breakWatches();
    await settle();
    for (let second = 0; second < 70; second += 1) {
      await clock.advance(1000);
      await settle();
    }
    expect([watch.get('uid-of-first'), watch.isComplete]).toEqual([undefined, true]);
    const before = calls();
    await clock.advance(60_000);
    await settle();
    expect(calls()).toBe(before);
  });

  test('asks for nothing once closed', async () => {
    await watch.close();
    watch.note();
    await settle();
    expect(calls()).toBe(0);
  });
});
