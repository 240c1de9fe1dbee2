import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/fake-clock.ts';
import { type ApiClient, ApiError, type ApiRequest } from './api-client.ts';
import { LeaseLeadership } from './lease.ts';
import type { Lease } from './lease-state.ts';

const NOW_MS = Date.UTC(2026, 0, 1);

type Trouble = 'none' | 'forbidden' | 'no answer' | 'done without answer' | 'hang';

/** One Lease with the API server's rules for versions; the cluster tests prove those. */
class OneLease implements Pick<ApiClient, 'call'> {
  lease: Lease | undefined;
  trouble: Trouble = 'none';
  calls = 0;
  /** How long each call takes; one that takes longer than its time limit gets no answer. */
  latencyMs = 0;
  clock = new FakeClock();
  release: () => void = () => {};
  #version = 0;

  async call<T>({ method, body, signal, timeoutMs = Infinity }: ApiRequest): Promise<T> {
    this.calls += 1;
    if (this.latencyMs > 0) {
      const takesMs = Math.min(this.latencyMs, timeoutMs);
      await new Promise<void>((resolve) => this.clock.schedule(takesMs, resolve));
      if (this.latencyMs > timeoutMs) throw new ApiError('no answer in time', {});
    }
    if (this.trouble === 'forbidden')
      throw new ApiError('no', { status: 403, reason: 'Forbidden' });
    if (this.trouble === 'no answer') throw new ApiError('no answer', {});
    if (this.trouble === 'hang') {
      await new Promise<void>((resolve, reject) => {
        this.release = resolve;
        signal?.addEventListener('abort', () => reject(new ApiError('aborted', {})));
      });
    }
    const answer = method === 'GET' ? this.#get() : this.write(body as Lease);
    if (this.trouble === 'done without answer') throw new ApiError('no answer', {});
    return answer as T;
  }

  write(lease: Lease): Lease {
    const { resourceVersion } = lease.metadata;
    if (resourceVersion !== this.lease?.metadata.resourceVersion) {
      throw new ApiError('conflict', { status: 409 });
    }
    this.#version += 1;
    const metadata = { ...lease.metadata, resourceVersion: String(this.#version) };
    this.lease = { ...lease, metadata };
    return this.lease;
  }

  #get(): Lease {
    if (this.lease === undefined) throw new ApiError('not found', { status: 404 });
    return this.lease;
  }
}

function setUp(lease = new OneLease(), clock = new FakeClock(), identity = 'one') {
  const told: boolean[] = [];
  const lines: string[] = [];
  lease.clock = clock;
  const leadership = new LeaseLeadership({
    client: lease as unknown as ApiClient,
    clock,
    logger: pino({}, { write: (line: string) => lines.push(JSON.parse(line).msg) }),
    backend: 'meta',
    namespace: 'jobs',
    identity,
  });
  leadership.watch((isLeader) => told.push(isLeader));
  return { lease, clock, leadership, told, lines };
}

describe('LeaseLeadership', () => {
  it('leads at once where there is no Lease', async () => {
    const { lease, clock, leadership, told } = setUp();
    await leadership.open();
    expect(leadership.isLeader()).toBe(true);
    const before = leadership.nextSequence();
    expect(told).toEqual([true]);
    await clock.advance(60_000);
    expect(leadership.isLeader()).toBe(true);
    expect(leadership.nextSequence()).toBeGreaterThan(before);
    expect(lease.calls).toBe(2 + 30);
    await leadership.close();
    expect(told).toEqual([true, false]);
    expect(lease.lease?.spec?.holderIdentity).toBe('');
    expect(clock.timerCount).toBe(0);
  });

  it('stops by its own clock when renewals get no answer, before anyone may take over', async () => {
    const { lease, clock, leadership, told } = setUp();
    await leadership.open();
    const before = leadership.nextSequence();
    lease.trouble = 'no answer';
    await clock.advance(12_999);
    expect(leadership.isLeader()).toBe(true);
    await clock.advance(1);
    expect(leadership.isLeader()).toBe(false);
    expect(told).toEqual([true, false]);
    lease.trouble = 'none';
    await clock.advance(2000);
    expect(leadership.isLeader()).toBe(true);
    expect(leadership.nextSequence()).toBeGreaterThan(before);
    await leadership.close();
  });

  it('tells once that nobody leads, after half a minute, and that somebody does again', async () => {
    const { lease, clock, leadership, lines } = setUp();
    await leadership.open();
    lease.trouble = 'forbidden';
    await clock.advance(13_000 + 29_000);
    const unled = 'nobody leads, as far as this replica can see';
    expect(lines).not.toContain(unled);
    await clock.advance(60_000);
    expect(lines.filter((line) => line === unled)).toHaveLength(1);
    lease.trouble = 'none';
    await clock.advance(2000);
    expect(lines.slice(-2)).toEqual(['leading', 'somebody leads again']);
    await leadership.close();
  });

  it('says nothing of the kind while another leads, or while leaders change', async () => {
    const first = setUp();
    await first.leadership.open();
    const second = setUp(first.lease, first.clock, 'two');
    await second.leadership.open();
    await first.clock.advance(120_000);
    await first.leadership.close();
    await first.clock.advance(120_000);
    expect(second.leadership.isLeader()).toBe(true);
    expect(second.lines).toEqual(['leading']);
    await second.leadership.close();
  });

  it('goes on leading while every call takes four seconds', async () => {
    const { lease, clock, leadership, told } = setUp();
    await leadership.open();
    lease.latencyMs = 4000;
    await clock.advance(120_000);
    expect(told).toEqual([true]);
    expect(leadership.isLeader()).toBe(true);
    lease.latencyMs = 0;
    await leadership.close();
  });

  it('does not wait for its timer to know that its time is up', async () => {
    const { clock, leadership, told } = setUp();
    await leadership.open();
    clock.stall(12_999);
    expect(leadership.isLeader()).toBe(true);
    clock.stall(1);
    expect(leadership.isLeader()).toBe(false);
    expect(told).toEqual([true]);
    await clock.advance(0);
    expect(told).toEqual([true, false, true]);
    await leadership.close();
  });

  it('counts its time from the request of a renewal, not from its answer', async () => {
    const { lease, clock, leadership } = setUp();
    await leadership.open();
    lease.trouble = 'hang';
    await clock.advance(2000);
    await clock.advance(2500);
    lease.trouble = 'none';
    lease.release();
    await clock.advance(0);
    lease.trouble = 'no answer';
    await clock.advance(15_000 - 4500 - 1);
    expect(leadership.isLeader()).toBe(true);
    await clock.advance(1);
    expect(leadership.isLeader()).toBe(false);
    await leadership.close();
  });

  it('counts its time from the request of the Lease, not from its answer', async () => {
    const { lease, clock, leadership, told } = setUp();
    lease.trouble = 'hang';
    const opened = leadership.open();
    // The first call reads, the second creates.
    await clock.advance(0);
    lease.release();
    await clock.advance(2500);
    lease.trouble = 'no answer';
    lease.release();
    await opened;
    expect(leadership.isLeader()).toBe(true);
    await clock.advance(13_000 - 2500 - 1);
    expect(leadership.isLeader()).toBe(true);
    await clock.advance(1);
    expect(leadership.isLeader()).toBe(false);
    expect(told).toEqual([true, false]);
    await leadership.close();
  });

  it('is not fooled by an answer that comes after its deadline', async () => {
    const { lease, clock, leadership } = setUp();
    await leadership.open();
    const before = leadership.nextSequence();
    lease.trouble = 'hang';
    await clock.advance(14_000);
    expect(leadership.isLeader()).toBe(false);
    lease.trouble = 'none';
    lease.release();
    await clock.advance(0);
    expect(leadership.isLeader()).toBe(false);
    await clock.advance(2000);
    expect(leadership.nextSequence()).toBeGreaterThan(before);
    await leadership.close();
  });

  it('goes on leading when a renewal was written but not answered', async () => {
    const { lease, clock, leadership, told } = setUp();
    await leadership.open();
    const before = leadership.nextSequence();
    lease.trouble = 'done without answer';
    await clock.advance(3000);
    lease.trouble = 'none';
    await clock.advance(10_000);
    expect(leadership.nextSequence()).toBeGreaterThan(before);
    expect(told).toEqual([true]);
    await leadership.close();
  });

  it.each(['1970-01-01T00:00:00.000000Z', '2990-01-01T00:00:00.000000Z'])(
    'judges a holder by when it saw it change, not by its clock (%s)',
    async (renewTime) => {
      const { lease, clock, leadership } = setUp();
      const spec = {
        holderIdentity: 'other',
        leaseDurationSeconds: 10,
        renewTime,
        leaseTransitions: 7,
      };
      const metadata = { name: 'trainer-meta' };
      const written = lease.write({ apiVersion: 'v1', kind: 'Lease', metadata, spec });
      await leadership.open();
      await clock.advance(6000);
      lease.write(written);
      await clock.advance(11_000);
      expect(leadership.isLeader()).toBe(false);
      await clock.advance(1500);
      expect(leadership.isLeader()).toBe(true);
      expect(lease.lease?.spec?.leaseTransitions).toBeGreaterThan(7);
      expect(Number.isSafeInteger(leadership.nextSequence())).toBe(true);
      await leadership.close();
    },
  );

  it('takes a released Lease at its next look, and steps down when another holds it', async () => {
    const one = setUp();
    const two = setUp(one.lease, one.clock, 'two');
    await one.leadership.open();
    await two.leadership.open();
    const before = one.leadership.nextSequence();
    await one.leadership.close();
    await one.clock.advance(2000);
    expect(two.leadership.isLeader()).toBe(true);
    expect(two.leadership.nextSequence()).toBeGreaterThan(before);
    const { lease } = one;
    if (lease.lease) lease.write({ ...lease.lease, spec: { holderIdentity: 'thief' } });
    await one.clock.advance(2000);
    expect(two.leadership.isLeader()).toBe(false);
    await two.leadership.close();
    expect(lease.lease?.spec?.holderIdentity).toBe('thief');
  });

  it('leads again with larger numbers after its Lease was deleted', async () => {
    const { lease, clock, leadership, told } = setUp();
    await leadership.open();
    const before = leadership.nextSequence();
    lease.lease = undefined;
    await clock.advance(2000);
    expect(leadership.isLeader()).toBe(true);
    expect(leadership.nextSequence()).toBeGreaterThan(before);
    expect(told).toEqual([true, false, true]);
    await leadership.close();
  });

  it('closes at once while a call hangs', async () => {
    const { lease, clock, leadership } = setUp();
    await leadership.open();
    lease.trouble = 'hang';
    await clock.advance(2000);
    lease.trouble = 'none';
    await leadership.close();
    await leadership.close();
    expect(leadership.isLeader()).toBe(false);
    expect(lease.lease?.spec?.holderIdentity).toBe('');
  });

  describe('numbers what it tells above all that was told before', () => {
    const DAY_MS = 86_400_000;

    it.each([-3600_000, -10_000, 0, 10_000, 3600_000])(
      'by a leader whose clock was %i ms ahead and that died',
      async (aheadMs) => {
        const first = setUp(new OneLease(), new FakeClock(NOW_MS + aheadMs), 'one');
        await first.leadership.open();
        const second = setUp(first.lease, new FakeClock(NOW_MS), 'two');
        await second.leadership.open();
        // The first renews once more after the second has looked, and acts until its time is up.
        await first.clock.advance(2000);
        await second.clock.advance(2000);
        first.lease.trouble = 'no answer';
        first.clock.stall(12_999);
        const told = [first.leadership.nextSequence(), first.leadership.nextSequence()];
        first.lease.trouble = 'none';
        await second.clock.advance(17_000);
        expect(second.leadership.isLeader()).toBe(true);
        const third = setUp(first.lease, new FakeClock(NOW_MS), 'three');
        for (let n = 0; n < 1000; n += 1) told.push(second.leadership.nextSequence());
        await second.leadership.close();
        await third.leadership.open();
        expect(third.leadership.isLeader()).toBe(true);
        told.push(third.leadership.nextSequence());
        expect(told).toEqual([...new Set(told)].sort((a, b) => a - b));
        await third.leadership.close();
        await first.leadership.close();
      },
    );

    it('also when its Lease is deleted and another one is quicker to make it again', async () => {
      const first = setUp(new OneLease(), new FakeClock(NOW_MS + 5000), 'one');
      await first.leadership.open();
      const second = setUp(first.lease, new FakeClock(NOW_MS), 'two');
      await second.leadership.open();
      first.lease.lease = undefined;
      await second.clock.advance(2000);
      // The first may act until its next renewal, beside which nobody else may.
      expect([first.leadership.isLeader(), second.leadership.isLeader()]).toEqual([true, false]);
      first.clock.stall(12_999);
      const before = first.leadership.nextSequence();
      await second.clock.advance(14_000);
      expect(second.leadership.isLeader()).toBe(true);
      expect(second.leadership.nextSequence()).toBeGreaterThan(before);
      await second.leadership.close();
      await first.leadership.close();
    });

    it('also when it lost the race for a new Lease that is deleted soon after', async () => {
      const first = setUp(new OneLease(), new FakeClock(NOW_MS + 5000), 'one');
      const second = setUp(first.lease, new FakeClock(NOW_MS), 'two');
      await Promise.all([first.leadership.open(), second.leadership.open()]);
      const leaders = [first, second].filter(({ leadership }) => leadership.isLeader());
      expect(leaders).toEqual([first]);
      first.lease.lease = undefined;
      await second.clock.advance(2000);
      expect(second.leadership.isLeader()).toBe(false);
      await second.leadership.close();
      await first.leadership.close();
    });

    it('and does not follow a clock that is wrong by more than a day', async () => {
      const { lease, clock, leadership } = setUp();
      const renewTime = new Date(clock.now() + 2 * DAY_MS).toISOString();
      const metadata = { name: 'trainer-meta' };
      lease.write({ apiVersion: 'v1', kind: 'Lease', metadata, spec: { renewTime } });
      await leadership.open();
      expect(leadership.isLeader()).toBe(true);
      const ofToday = (clock.now() + DAY_MS) * 2000;
      expect(leadership.nextSequence()).toBeLessThan(ofToday);
      await leadership.close();
    });

    it('and leaves larger numbers to a version that makes them of the transitions', async () => {
      const { lease, clock, leadership } = setUp();
      await leadership.open();
      await clock.advance(3600_000);
      const ours = leadership.nextSequence();
      await clock.advance(2000);
      const transitions = lease.lease?.spec?.leaseTransitions ?? 0;
      expect((transitions + 1) * 100_000_000).toBeGreaterThan(ours);
      expect(transitions).toBeLessThan(2 ** 31);
      await leadership.close();
    });
  });
});
