import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../clock.ts';
import type { PostResult } from './http/webhook-client.ts';
import {
  type Admission,
  OriginLimits,
  type OriginLimitsOptions,
  toOrigin,
} from './origin-limits.ts';

const NOW_MS = 1_000_000;
const A = 'https://a.example';
const B = 'https://b.example';
const HEARTBEAT = { isEnd: false };
const END = { isEnd: true };

const answered = (status: number | undefined, isRefused = false): PostResult => ({
  status,
  error: undefined,
  retryAfterMs: undefined,
  durationMs: 1,
  isRefused,
});

function createLimits(options: Partial<OriginLimitsOptions> = {}) {
  const time = { passedMs: 0 };
  const clock = {
    ...systemClock,
    now: () => NOW_MS + time.passedMs,
    monotonic: () => time.passedMs,
  };
  const freed: string[] = [];
  const onFree = (origin: string) => freed.push(origin);
  return { limits: new OriginLimits({ clock, onFree, ...options }), freed, time };
}

function enter(limits: OriginLimits, origin: string, as = HEARTBEAT) {
  const admission = limits.tryEnter(origin, as);
  if (admission.kind !== 'entered') throw new Error(admission.kind);
  return admission.leave;
}

function fail(limits: OriginLimits, origin: string, count: number, status: number | undefined) {
  for (let index = 0; index < count; index += 1) enter(limits, origin)(answered(status));
}

const kindOf = ({ kind }: Admission) => kind;

describe('the limits', () => {
  it('hold for each origin and keep a quarter for ends', () => {
    const { limits } = createLimits({ maxPerOrigin: 4 });
    for (let index = 0; index < 3; index += 1) enter(limits, A);
    expect(limits.tryEnter(A, HEARTBEAT)).toEqual({ kind: 'full' });
    expect(limits.tryEnter(B, HEARTBEAT).kind).toBe('entered');
    enter(limits, A, END);
    expect(limits.tryEnter(A, END)).toEqual({ kind: 'full' });
  });

  it('hold in all and keep a quarter for ends', () => {
    const { limits } = createLimits({ maxTotal: 4 });
    for (let index = 0; index < 3; index += 1) enter(limits, `https://${index}.example`);
    expect(limits.tryEnter(A, HEARTBEAT)).toEqual({ kind: 'full' });
    enter(limits, A, END);
    expect(limits.tryEnter(B, END)).toEqual({ kind: 'full' });
    expect(limits.inFlightCount).toBe(4);
  });

  it('admit heartbeats even where there is a single slot', () => {
    const { limits } = createLimits({ maxPerOrigin: 1, maxTotal: 1 });
    enter(limits, A)(answered(200));
    expect(limits.tryEnter(A, HEARTBEAT).kind).toBe('entered');
  });

  it('give a slot back once, however often it is left', () => {
    const { limits } = createLimits();
    enter(limits, A);
    const leave = enter(limits, A);
    leave(answered(200));
    leave(answered(200));
    expect(limits.inFlightCount).toBe(1);
  });
});

describe('the turns', () => {
  it('go round the waiting origins, ends first', () => {
    const admitted: string[] = [];
    const leaves: ((result: undefined) => void)[] = [];
    const parked = new Map([
      [A, [HEARTBEAT, HEARTBEAT]],
      [B, [HEARTBEAT, HEARTBEAT]],
      ['https://c.example', [END]],
    ]);
    const offer = (origin: string) => {
      const waiting = parked.get(origin) ?? [];
      while (waiting[0] !== undefined) {
        const admission = limits.tryEnter(origin, waiting[0]);
        if (admission.kind !== 'entered') return;
        waiting.shift();
        admitted.push(origin);
        leaves.push(admission.leave);
      }
    };
    const { limits } = createLimits({ maxTotal: 1, onFree: offer });
    leaves.push(enter(limits, 'https://busy.example'));
    for (const origin of parked.keys()) offer(origin);
    for (let leave = leaves.shift(); leave !== undefined; leave = leaves.shift()) leave(undefined);
    expect(admitted).toEqual(['https://c.example', A, B, A, B]);
  });

  it('pass over an origin that is full by itself', () => {
    const { limits, freed } = createLimits({ maxPerOrigin: 1, maxTotal: 3 });
    enter(limits, A);
    const leave = enter(limits, 'https://c.example');
    enter(limits, 'https://d.example');
    for (const origin of [A, B]) limits.tryEnter(origin, HEARTBEAT);
    leave(undefined);
    expect(freed).toEqual([B]);
  });

  it('are offered to the next when nobody takes them', () => {
    const { limits, freed } = createLimits({ maxTotal: 1 });
    const leave = enter(limits, 'https://busy.example');
    for (const origin of [A, B]) limits.tryEnter(origin, HEARTBEAT);
    leave(undefined);
    expect(freed).toEqual([A, B]);
  });

  it('survive a callback that enters and leaves at once', () => {
    const origins = Array.from({ length: 20_000 }, (_, index) => `https://${index}.example`);
    let count = 0;
    const { limits } = createLimits({
      maxTotal: 1,
      onFree: (origin) => {
        count += 1;
        enter(limits, origin)(undefined);
      },
    });
    const leave = enter(limits, A);
    for (const origin of origins) limits.tryEnter(origin, HEARTBEAT);
    leave(undefined);
    expect(count).toBe(origins.length);
  });

  it('leave nobody waiting for ever, whatever the order', () => {
    const origin = fc.constantFrom('https://0.example', 'https://1.example', 'https://2.example');
    const request = fc.record({ origin, isEnd: fc.boolean(), status: fc.constantFrom(200, 500) });
    fc.assert(
      fc.property(
        fc.array(request, { maxLength: 60 }),
        fc.infiniteStream(fc.nat()),
        (all, picks) => {
          const parked = new Map<string, typeof all>();
          const running: { leave: (result: PostResult) => void; status: number }[] = [];
          let turnedAway = 0;
          const offer = (from: string) => {
            const waiting = (parked.get(from) ?? []).toSorted((a, b) => +b.isEnd - +a.isEnd);
            while (waiting[0] !== undefined) {
              const admission = limits.tryEnter(from, waiting[0]);
              if (admission.kind === 'full') break;
              const { status } = waiting.shift() ?? waiting[0];
              if (admission.kind === 'open') turnedAway += 1;
              else running.push({ leave: admission.leave, status });
            }
            parked.set(from, waiting);
          };
          const { limits } = createLimits({ maxPerOrigin: 2, maxTotal: 3, onFree: offer });
          for (const one of all) {
            parked.set(one.origin, [...(parked.get(one.origin) ?? []), one]);
            offer(one.origin);
          }
          let doneCount = 0;
          while (running.length > 0) {
            expect(limits.inFlightCount).toBeLessThanOrEqual(3);
            const [one] = running.splice((picks.next().value ?? 0) % running.length, 1);
            one?.leave(answered(one.status));
            doneCount += 1;
          }
          expect(doneCount + turnedAway).toBe(all.length);
          expect(limits.inFlightCount).toBe(0);
        },
      ),
    );
  });
});

describe('the circuit of an origin', () => {
  it.each([undefined, 429, 500, 503, 599])('opens after five in a row of %s', (status) => {
    const { limits } = createLimits({ openMs: 30_000 });
    fail(limits, A, 4, status);
    expect(limits.tryEnter(A, HEARTBEAT).kind).toBe('entered');
    fail(limits, A, 1, status);
    expect(limits.tryEnter(A, END)).toEqual({ kind: 'open', retryAtMs: NOW_MS + 30_000 });
    expect(limits.tryEnter(B, HEARTBEAT).kind).toBe('entered');
  });

  it.each([200, 302, 400, 401, 404, 410])('counts anew after an answer %i', (status) => {
    const { limits } = createLimits();
    fail(limits, A, 4, 500);
    fail(limits, A, 1, status);
    fail(limits, A, 4, 500);
    expect(limits.tryEnter(A, HEARTBEAT).kind).toBe('entered');
  });

  it('does not count what was never sent', () => {
    const { limits } = createLimits();
    fail(limits, A, 4, undefined);
    for (let index = 0; index < 9; index += 1) enter(limits, A)(answered(undefined, true));
    enter(limits, A)(undefined);
    expect(limits.tryEnter(A, HEARTBEAT).kind).toBe('entered');
    fail(limits, A, 1, undefined);
    expect(limits.tryEnter(A, HEARTBEAT).kind).toBe('open');
  });

  it('lets one probe through after its time, and closes when that succeeds', () => {
    const { limits, freed, time } = createLimits({ openMs: 30_000 });
    fail(limits, A, 5, 500);
    time.passedMs = 29_999;
    expect(limits.tryEnter(A, END)).toEqual({ kind: 'open', retryAtMs: NOW_MS + 30_000 });
    time.passedMs = 31_000;
    const leave = enter(limits, A);
    expect([limits.tryEnter(A, HEARTBEAT), limits.tryEnter(A, END)].map(kindOf)).toEqual([
      'full',
      'full',
    ]);
    leave(answered(200));
    expect(freed).toEqual([A, A]);
    expect([limits.tryEnter(A, HEARTBEAT), limits.tryEnter(A, END)].map(kindOf)).toEqual([
      'entered',
      'entered',
    ]);
  });

  it('lets an end probe first, since a receiver may refuse heartbeats alone', () => {
    const { limits, time } = createLimits({ openMs: 30_000 });
    fail(limits, A, 5, 500);
    time.passedMs = 30_000;
    expect(limits.tryEnter(A, HEARTBEAT)).toEqual({ kind: 'open', retryAtMs: NOW_MS + 31_000 });
    expect(limits.tryEnter(A, END).kind).toBe('entered');
  });

  it('opens again when the probe fails, and tells those who waited for it', () => {
    const { limits, freed, time } = createLimits({ openMs: 30_000 });
    fail(limits, A, 5, 500);
    time.passedMs = 30_000;
    const leave = enter(limits, A, END);
    limits.tryEnter(A, END);
    leave(answered(undefined));
    expect(freed).toEqual([A]);
    expect(limits.tryEnter(A, END)).toEqual({ kind: 'open', retryAtMs: NOW_MS + 60_000 });
  });

  it('lets another probe through when the first was never sent', () => {
    const { limits, time } = createLimits({ openMs: 30_000 });
    fail(limits, A, 5, 500);
    time.passedMs = 31_000;
    enter(limits, A)(undefined);
    const leave = enter(limits, A);
    expect(limits.tryEnter(A, HEARTBEAT).kind).toBe('full');
    leave(answered(200));
    expect(limits.tryEnter(A, HEARTBEAT).kind).toBe('entered');
  });

  it('heeds what was still under way when it opened: a success closes it, a failure does not prolong', () => {
    const { limits, time } = createLimits({ openMs: 30_000 });
    const [late, later] = [enter(limits, A), enter(limits, A), enter(limits, A)];
    fail(limits, A, 5, 500);
    time.passedMs = 10_000;
    late(answered(500));
    expect(limits.tryEnter(A, END)).toEqual({ kind: 'open', retryAtMs: NOW_MS + 30_000 });
    later(answered(200));
    expect(limits.tryEnter(A, HEARTBEAT).kind).toBe('entered');
  });
});

describe('what is remembered', () => {
  it('is nothing of an idle origin that is well', () => {
    const { limits } = createLimits();
    fail(limits, A, 5, 500);
    enter(limits, B)(answered(200));
    expect(limits.originCount).toBe(1);
  });

  it('is bounded when every origin fails', () => {
    const { limits } = createLimits();
    fail(limits, A, 1, 500);
    const leave = enter(limits, B);
    for (let index = 0; index < 10_000; index += 1)
      fail(limits, `https://${index}.example`, 1, 500);
    expect(limits.originCount).toBeLessThan(3000);
    leave(answered(200));
    expect(limits.inFlightCount).toBe(0);
  });
});

describe('toOrigin', () => {
  it.each([
    ['https://User:pw@Hooks.example:443/a?b', 'https://hooks.example'],
    ['http://0x7f.1:8080', 'http://127.0.0.1:8080'],
    ['no url', ''],
  ])('of %s is %j', (url, origin) => {
    expect(toOrigin(url)).toBe(origin);
  });
});
