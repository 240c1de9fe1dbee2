import type { Job } from '@trainer/client';
import { expect, it } from 'vitest';
import { sumByPhase, toTimeSpans } from './time-spans.ts';

const at = (second: number) => new Date(second * 1000).toISOString();
const orNull = (second: number | null) => (second === null ? null : at(second));

type Phase = readonly [phase: string, from: number, to: number | null];
function spansOf(created: number, ended: number | null, ...phases: Phase[]) {
  const timestamps = { created_at: at(created), started_at: null, ended_at: orNull(ended) };
  const job = {
    timestamps,
    phases: phases.map(([phase, from, to]) => ({
      ...{ phase, owner: 'training', message: phase },
      ...{ started_at: at(from), ended_at: orNull(to) },
    })),
  } as unknown as Job;
  return toTimeSpans(job, 100_000);
}
const short = (spans: ReturnType<typeof spansOf>) =>
  spans.map(({ phase, fromMs, toMs }) => [phase ?? 'unaccounted', fromMs / 1000, toMs / 1000]);

it('shows each phase, the current one until now', () => {
  expect(short(spansOf(10, null, ['queued', 10, 20], ['training', 20, null]))).toEqual([
    ['queued', 10, 20],
    ['training', 20, 100],
  ]);
  expect(short(spansOf(10, 50, ['queued', 10, 20], ['training', 20, 50]))).toEqual([
    ['queued', 10, 20],
    ['training', 20, 50],
  ]);
});

it('shows what nobody accounts for', () => {
  expect(short(spansOf(10, 60, ['queued', 12, 20], ['training', 30, 50]))).toEqual([
    ['unaccounted', 10, 12],
    ['queued', 12, 20],
    ['unaccounted', 20, 30],
    ['training', 30, 50],
    ['unaccounted', 50, 60],
  ]);
  expect(short(spansOf(10, 60))).toEqual([['unaccounted', 10, 60]]);
});

it('shows no negative time where a clock is behind', () => {
  expect(short(spansOf(200, null, ['queued', 200, null]))).toEqual([['queued', 200, 200]]);
});

it('adds up what comes more than once', () => {
  const spans = spansOf(
    0,
    60,
    ['queued', 0, 10],
    ['training', 10, 30],
    ['queued', 30, 40],
    ['training', 40, 60],
  );
  expect(sumByPhase(spans)).toEqual([
    { phase: 'queued', owner: 'training', ms: 20_000 },
    { phase: 'training', owner: 'training', ms: 40_000 },
  ]);
});

it('sums up each owner of a phase apart', () => {
  const span = { phase: 'queued', message: '', fromMs: 0, toMs: 10 };
  const spans = [
    { ...span, owner: 'quota' },
    { ...span, owner: 'image' },
    { ...span, owner: 'quota' },
  ];
  expect(sumByPhase(spans)).toEqual([
    { phase: 'queued', owner: 'quota', ms: 20 },
    { phase: 'queued', owner: 'image', ms: 10 },
  ]);
});
