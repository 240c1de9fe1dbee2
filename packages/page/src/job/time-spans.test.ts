import type { Job } from '@trainer/client';
import { expect, it } from 'vitest';
import { toTimeSpans } from './time-spans.ts';

const at = (second: number | null) =>
  second === null ? null : new Date(second * 1000).toISOString();

function spansOf(status: string, created: number, started: number | null, ended: number | null) {
  const timestamps = { created_at: at(created), started_at: at(started), ended_at: at(ended) };
  const spans = toTimeSpans({ status, timestamps } as Job, 100_000);
  return spans.map(({ name, fromMs, toMs }) => [name, fromMs / 1000, toMs / 1000]);
}

it('waits until now, then runs until now, then until its end', () => {
  expect(spansOf('submitted', 10, null, null)).toEqual([['Waiting', 10, 100]]);
  const waited = ['Waiting', 10, 20];
  expect(spansOf('running', 10, 20, null)).toEqual([waited, ['Running', 20, 100]]);
  expect(spansOf('succeeded', 10, 20, 50)).toEqual([waited, ['Running', 20, 50]]);
});

it('a job that ended before it ran has only waited', () => {
  expect(spansOf('cancelled', 10, null, 30)).toEqual([['Waiting', 10, 30]]);
});

it('a clock that is behind shows no negative time', () => {
  expect(spansOf('submitted', 200, null, null)).toEqual([['Waiting', 200, 200]]);
});
