import { describe, expect, it } from 'vitest';
import { makePostResult } from '../../test/callbacks/make-post-result.ts';
import { FakeClock } from '../../test/fake-clock.ts';
import { OriginLimiter, type OriginLimiterOptions, toOrigin } from './origin-limiter.ts';

function createLimiter(options: Partial<OriginLimiterOptions> = {}) {
  const clock = new FakeClock();
  return { clock, limiter: new OriginLimiter({ clock, openMs: 30_000, ...options }) };
}

function enter(limiter: OriginLimiter, kind: 'update' | 'final' = 'update') {
  const leave = limiter.tryEnter(kind);
  if (leave === undefined) throw new Error('no place');
  return leave;
}

function fail(limiter: OriginLimiter, count: number, status: number | undefined = 500) {
  for (let index = 0; index < count; index += 1) enter(limiter)(makePostResult(status));
}

/** How many more of a kind are let in. */
function countPlaces(limiter: OriginLimiter, kind: 'update' | 'final'): number {
  let count = 0;
  while (limiter.tryEnter(kind) !== undefined) count += 1;
  return count;
}

describe('the limit of an origin', () => {
  it('keeps a quarter for final events', () => {
    const { limiter } = createLimiter({ maxInFlight: 4 });
    expect(countPlaces(limiter, 'update')).toBe(3);
    expect(countPlaces(limiter, 'final')).toBe(1);
    expect(limiter.inFlightCount).toBe(4);
  });

  it('admits updates even where there is a single place, which is given back', () => {
    const { limiter } = createLimiter({ maxInFlight: 1 });
    enter(limiter)(makePostResult(200));
    expect(countPlaces(limiter, 'update')).toBe(1);
  });

  it('is as many as there are connections', () => {
    expect(countPlaces(createLimiter().limiter, 'final')).toBe(16);
  });
});

describe('the circuit of an origin', () => {
  it.each([undefined, 429, 500, 503, 599])('opens after five in a row of %s', (status) => {
    const { limiter } = createLimiter();
    fail(limiter, 4, status);
    expect(limiter.openForMs).toBe(0);
    fail(limiter, 1, status);
    expect(limiter.openForMs).toBe(30_000);
    expect(limiter.tryEnter('final')).toBeUndefined();
  });

  it.each([200, 302, 400, 401, 404, 410])('counts anew after an answer %i', (status) => {
    const { limiter } = createLimiter();
    fail(limiter, 4);
    fail(limiter, 1, status);
    fail(limiter, 4);
    expect(limiter.openForMs).toBe(0);
  });

  it('does not count what was never sent', () => {
    const { limiter } = createLimiter();
    fail(limiter, 4, undefined);
    for (let n = 0; n < 9; n += 1) {
      enter(limiter)(makePostResult(undefined, { isRefused: true }));
    }
    enter(limiter)(undefined);
    expect(limiter.openForMs).toBe(0);
    fail(limiter, 1, undefined);
    expect(limiter.openForMs).toBe(30_000);
  });

  it('lets a few probes through after its time, one of them kept for a final event', async () => {
    const { limiter, clock } = createLimiter();
    fail(limiter, 5);
    await clock.advance(29_999);
    expect(limiter.tryEnter('final')).toBeUndefined();
    await clock.advance(1);
    expect(countPlaces(limiter, 'update')).toBe(3);
    expect(countPlaces(limiter, 'final')).toBe(1);
  });

  it('closes with the first probe that is answered', async () => {
    const { limiter, clock } = createLimiter();
    fail(limiter, 5);
    await clock.advance(30_000);
    const probe = enter(limiter);
    enter(limiter);
    probe(makePostResult(200));
    expect(countPlaces(limiter, 'final')).toBe(15);
  });

  it('opens again when a probe fails, which those beside it do not prolong', async () => {
    const { limiter, clock } = createLimiter();
    fail(limiter, 5);
    await clock.advance(30_000);
    const [first, second, third] = [enter(limiter), enter(limiter), enter(limiter)];
    first(makePostResult(undefined));
    expect(limiter.openForMs).toBe(30_000);
    await clock.advance(10_000);
    second(makePostResult(500));
    expect(limiter.openForMs).toBe(20_000);
    third(makePostResult(204));
    expect(limiter.openForMs).toBe(0);
  });

  it('lets another probe through when the first was never sent', async () => {
    const { limiter, clock } = createLimiter({ probes: 1 });
    fail(limiter, 5);
    await clock.advance(30_000);
    enter(limiter)(undefined);
    const probe = enter(limiter);
    expect(limiter.tryEnter('final')).toBeUndefined();
    probe(makePostResult(200));
    expect(countPlaces(limiter, 'final')).toBe(16);
  });

  it('heeds what was on its way when it opened: a success closes it, a failure says nothing', async () => {
    const { limiter, clock } = createLimiter();
    const [late, later, latest] = [enter(limiter), enter(limiter), enter(limiter)];
    fail(limiter, 5);
    await clock.advance(10_000);
    late(makePostResult(500));
    expect(limiter.openForMs).toBe(20_000);
    await clock.advance(20_000);
    later(makePostResult(500));
    expect(limiter.openForMs).toBe(0);
    fail(limiter, 1);
    expect(limiter.openForMs).toBe(30_000);
    latest(makePostResult(200));
    expect(limiter.openForMs).toBe(0);
  });
});

it('is well while nothing is on its way and nothing failed', () => {
  const { limiter } = createLimiter();
  expect(limiter.isWell).toBe(true);
  const leave = enter(limiter);
  expect(limiter.isWell).toBe(false);
  leave(makePostResult(500));
  expect(limiter.isWell).toBe(false);
  fail(limiter, 1, 200);
  expect(limiter.isWell).toBe(true);
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
