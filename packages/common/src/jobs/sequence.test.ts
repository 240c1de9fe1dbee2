import { expect, it } from 'vitest';
import { FakeClock } from '../../test/fake-clock.ts';
import { systemClock } from '../clock.ts';
import { Sequence } from './sequence.ts';

it('grows with every number, and with time', async () => {
  const clock = new FakeClock();
  const sequence = new Sequence(clock);
  const numbers = Array.from({ length: 5000 }, () => sequence.next());
  await clock.advance(1000);
  numbers.push(sequence.next());
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  expect(numbers.at(-1)).toBe(clock.now() * 2000);
});

it('goes on from where it was when the clock goes back', () => {
  let nowMs = 1_000_000;
  const sequence = new Sequence({ ...systemClock, now: () => nowMs });
  const before = sequence.next();
  nowMs -= 500_000;
  expect(sequence.next()).toBe(before + 1);
});

it('is above what another process gave out until its time, as told by `reachedMs`', () => {
  const [early, late] = [new FakeClock(5_000_000), new FakeClock(5_600_000)];
  const other = new Sequence(late);
  const numbers = Array.from({ length: 7000 }, () => other.next());
  const sequence = new Sequence(early);
  sequence.skipTo(other.reachedMs());
  expect(sequence.next()).toBeGreaterThan(numbers.at(-1) ?? 0);
});

it('is a safe integer until the year 2100', () => {
  expect(Number.isSafeInteger(new Sequence(new FakeClock(Date.UTC(2100, 0))).next())).toBe(true);
});
