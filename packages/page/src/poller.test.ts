import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ServiceError } from './api/service-error.ts';
import { Poller, type Reading } from './poller.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const away = new ServiceError('away', 'UNREACHABLE');

function makePoller(answers: readonly (string | ServiceError)[]) {
  const readings: Reading<string>[] = [];
  const startMs = Date.now();
  const readAtMs: number[] = [];
  const poller = new Poller<string>({
    read: async () => {
      const answer = answers[readAtMs.length] ?? 'last';
      readAtMs.push(Date.now() - startMs);
      if (answer instanceof ServiceError) throw answer;
      return answer;
    },
    paceMs: (value) => (value === 'last' ? undefined : 2000),
    onReading: (reading) => readings.push(reading),
  });
  return { poller, readings, readAtMs };
}

it('reads at its pace until there is none', async () => {
  const { poller, readAtMs } = makePoller(['a', 'b', 'last']);
  await poller.refresh();
  await vi.runAllTimersAsync();
  expect(readAtMs).toEqual([0, 2000, 4000]);
});

it('keeps what it knows while it cannot read, and tries again, slower each time', async () => {
  const { poller, readings, readAtMs } = makePoller(['a', away, away, away, 'last']);
  await poller.refresh();
  await vi.runAllTimersAsync();
  expect(readAtMs).toEqual([0, 2000, 3000, 5000, 9000]);
  expect(readings[1]).toMatchObject({ value: 'a', error: away });
  expect(readings.at(-1)).toMatchObject({ value: 'last', error: undefined });
});

it('asks no more what is refused', async () => {
  const refused = new ServiceError('created_after must be a time.', 'INVALID_REQUEST', 400);
  const { poller, readings, readAtMs } = makePoller([refused, 'last']);
  await poller.refresh();
  await vi.runAllTimersAsync();
  expect(readAtMs).toEqual([0]);
  expect(readings.at(-1)).toMatchObject({ error: refused });
});

it('reads once more for whoever asks while a reading is on its way', async () => {
  const { poller, readings } = makePoller(['before', 'after']);
  await Promise.all([poller.refresh(), poller.refresh()]);
  expect(readings.map(({ value }) => value)).toEqual(['before', 'after']);
});

it('tells nothing once it is stopped', async () => {
  const { poller, readings } = makePoller(['a', 'b']);
  const reading = poller.refresh();
  poller.stop();
  await reading;
  await vi.runAllTimersAsync();
  expect(readings).toEqual([]);
});
