import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makePostResult } from '../../test/callbacks/make-post-result.ts';
import { FakeClock } from '../../test/fake-clock.ts';
import type { EventKind } from './event.ts';
import { type Permit, PermitQueue, type PermitQueueOptions } from './permit-queue.ts';

const A = 'https://a.example';
const B = 'https://b.example';
const C = 'https://c.example';

function createQueue(options: Partial<PermitQueueOptions> = {}) {
  const clock = new FakeClock();
  const granted: string[] = [];
  const permits = new Map<string, Permit>();
  const queue = new PermitQueue({
    clock,
    onGranted: (key, permit) => {
      granted.push(key);
      permits.set(key, permit);
    },
    openMs: 30_000,
    ...options,
  });
  const release = (key: string, status?: number) =>
    permits.get(key)?.release(status === undefined ? undefined : makePostResult(status));
  const fail = (origin: string, count: number) => {
    for (let index = 0; index < count; index += 1) {
      queue.request(`failing-${origin}`, origin, 'update');
      release(`failing-${origin}`, 500);
    }
    granted.splice(0);
  };
  return { clock, queue, granted, release, fail };
}

describe('the limits', () => {
  it('hold for each origin and keep a quarter for final events', () => {
    const { queue, granted } = createQueue({ maxInFlight: 4 });
    for (const key of ['1', '2', '3', '4']) queue.request(key, A, 'update');
    queue.request('b', B, 'update');
    queue.request('5', A, 'final');
    queue.request('6', A, 'final');
    expect(granted).toEqual(['1', '2', '3', 'b', '5']);
  });

  it('hold in all and keep a quarter for final events', () => {
    const { queue, granted } = createQueue({ maxTotal: 4 });
    for (const key of ['1', '2', '3', '4']) queue.request(key, `https://${key}.example`, 'update');
    queue.request('a', A, 'final');
    queue.request('b', B, 'final');
    expect(granted).toEqual(['1', '2', '3', 'a']);
    expect(queue.inFlightCount).toBe(4);
  });

  it('count a permit once, however often it is released', () => {
    const { queue, release } = createQueue();
    queue.request('1', A, 'update');
    queue.request('2', A, 'update');
    release('1', 200);
    release('1', 200);
    expect(queue.inFlightCount).toBe(1);
  });
});

describe('the turns', () => {
  it('go round the waiting origins, final events first', () => {
    const { queue, granted, release } = createQueue({ maxTotal: 1 });
    queue.request('busy', 'https://busy.example', 'update');
    queue.request('a1', A, 'update');
    queue.request('a2', A, 'update');
    queue.request('b1', B, 'update');
    queue.request('b2', B, 'update');
    queue.request('b3', B, 'final');
    queue.request('c', C, 'final');
    for (let index = 0; index < granted.length; index += 1) release(granted[index] ?? '', 200);
    expect(granted).toEqual(['busy', 'b3', 'c', 'a1', 'b1', 'a2', 'b2']);
  });

  it('pass over an origin that is full by itself, which has the next of its own', () => {
    const { queue, granted, release } = createQueue({ maxInFlight: 1, maxTotal: 4 });
    queue.request('a1', A, 'update');
    queue.request('c', C, 'update');
    queue.request('d', 'https://d.example', 'update');
    queue.request('a2', A, 'update');
    queue.request('b', B, 'update');
    expect(granted).toEqual(['a1', 'c', 'd']);
    release('c', 200);
    expect(granted.slice(3)).toEqual(['b']);
    release('d', 200);
    expect(granted.slice(4)).toEqual([]);
    release('a1', 200);
    expect(granted.slice(4)).toEqual(['a2']);
  });

  it('survive keys that are done at once, however many wait', () => {
    let count = 0;
    let first: Permit | undefined;
    const queue = new PermitQueue({
      clock: new FakeClock(),
      maxTotal: 1,
      onGranted: (_, permit) => {
        count += 1;
        if (first === undefined) first = permit;
        else permit.release(makePostResult(200));
      },
    });
    for (let index = 0; index <= 20_000; index += 1) {
      queue.request(`${index}`, `https://${index}.example`, 'update');
    }
    expect(count).toBe(1);
    first?.release(undefined);
    expect(count).toBe(20_001);
  });

  it('leave nobody waiting for ever, whatever the order, and exceed no limit', async () => {
    const origin = fc.constantFrom(A, B, C);
    const kind = fc.constantFrom<EventKind>('update', 'final');
    const request = fc.record({ origin, kind, status: fc.constantFrom(200, 500) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { maxLength: 60 }),
        fc.infiniteStream(fc.nat()),
        async (all, picks) => {
          const running: string[] = [];
          let doneCount = 0;
          const permits = new Map<string, Permit>();
          const clock = new FakeClock();
          const queue = new PermitQueue({
            ...{ clock, maxInFlight: 2, maxTotal: 3 },
            onGranted: (key, permit) => {
              running.push(key);
              permits.set(key, permit);
            },
          });
          for (const [index, one] of all.entries()) {
            queue.request(`${index}`, one.origin, one.kind);
          }
          while (doneCount < all.length) {
            expect(queue.inFlightCount).toBeLessThanOrEqual(3);
            // Nobody runs only where circuits are open, and they half-open in time.
            if (running.length === 0) await clock.advance(30_000);
            expect(running.length).toBeGreaterThan(0);
            const [key = ''] = running.splice((picks.next().value ?? 0) % running.length, 1);
            permits.get(key)?.release(makePostResult(all[Number(key)]?.status));
            doneCount += 1;
          }
          expect(queue.inFlightCount).toBe(0);
        },
      ),
    );
  });
});

describe('a key', () => {
  it('waits once, and moves ahead when its update becomes a final event', () => {
    const { queue, granted, release } = createQueue({ maxInFlight: 1 });
    queue.request('busy', A, 'update');
    for (const key of ['1', '1', '2', '2']) queue.request(key, A, 'update');
    queue.request('2', A, 'final');
    queue.request('2', A, 'update');
    for (const key of ['busy', '2', '1']) release(key, 200);
    expect(granted).toEqual(['busy', '2', '1']);
    expect(queue.inFlightCount).toBe(0);
  });

  it('can change its origin while it waits', () => {
    const { queue, granted, release } = createQueue({ maxInFlight: 1 });
    queue.request('busy', A, 'update');
    queue.request('1', A, 'update');
    queue.request('1', B, 'update');
    expect(granted).toEqual(['busy', '1']);
    release('busy', 200);
    expect(granted).toHaveLength(2);
  });

  it('gets nothing once it was cancelled, and takes nobody the turn', () => {
    const { queue, granted, release } = createQueue({ maxInFlight: 1 });
    queue.request('busy', A, 'update');
    for (const key of ['1', '2', '3']) queue.request(key, A, 'update');
    queue.cancel('1');
    queue.cancel('2');
    release('busy', 200);
    expect(granted).toEqual(['busy', '3']);
  });

  it('gets nothing after everything was forgotten, unless it asks again', () => {
    const { queue, granted, release } = createQueue({ maxInFlight: 1 });
    queue.request('busy', A, 'update');
    queue.request('1', A, 'update');
    queue.clear();
    queue.request('2', A, 'update');
    release('busy', 200);
    expect(granted).toEqual(['busy', '2']);
  });
});

describe('behind an open circuit', () => {
  it('everything waits until it half-opens, then a few are let through, final events first', async () => {
    const { queue, granted, fail, clock, release } = createQueue();
    fail(A, 5);
    for (let n = 1; n <= 9; n += 1) queue.request(`u${n}`, A, 'update');
    queue.request('f', A, 'final');
    queue.request('b', B, 'update');
    await clock.advance(29_999);
    expect(granted).toEqual(['b']);
    await clock.advance(1);
    expect(granted).toEqual(['b', 'f', 'u1', 'u2']);
    release('u1', 200);
    expect(granted).toHaveLength(1 + 10);
  });

  it('everything waits once more after a probe that failed', async () => {
    const { queue, granted, fail, clock, release } = createQueue();
    fail(A, 5);
    for (let n = 1; n <= 9; n += 1) queue.request(`${n}`, A, 'final');
    await clock.advance(30_000);
    expect(granted).toEqual(['1', '2', '3', '4']);
    for (const key of ['1', '2', '3', '4']) release(key, 500);
    await clock.advance(29_999);
    expect(granted).toHaveLength(4);
    await clock.advance(1);
    expect(granted).toHaveLength(8);
  });
});

describe('what is remembered', () => {
  it('is nothing of an idle origin that is well', () => {
    const { queue, fail, release } = createQueue();
    fail(A, 5);
    queue.request('b', B, 'update');
    expect(queue.originCount).toBe(2);
    release('b', 200);
    expect(queue.originCount).toBe(1);
  });

  it('is bounded when every origin fails', () => {
    const { queue, fail } = createQueue();
    queue.request('b', B, 'update');
    for (let index = 0; index < 10_000; index += 1) fail(`https://${index}.example`, 1);
    expect(queue.originCount).toBeLessThan(3000);
    expect(queue.inFlightCount).toBe(1);
  });
});
