import { expect, it } from 'vitest';
import type { OwnedRow } from './merge-lists.ts';
import { keepSteady } from './steady-rows.ts';

const row = (job_id: string, status = 'running') =>
  ({ service: 'meta', job_id, status }) as OwnedRow;
const rows = (...ids: string[]) => ids.map((id) => row(id));
const idsOf = ({ rows }: { rows: readonly OwnedRow[] }) => rows.map(({ job_id }) => job_id);

it('brings rows up to date in their places', () => {
  const steady = keepSteady(rows('b', 'a'), [row('b', 'failed'), row('a')]);
  expect(steady).toEqual({ rows: [row('b', 'failed'), row('a')], newCount: 0 });
});

it('counts new jobs', () => {
  const steady = keepSteady(rows('b', 'a'), rows('d', 'c', 'b', 'a'));
  expect([idsOf(steady), steady.newCount]).toEqual([['b', 'a'], 2]);
});

it('drops what new jobs pushed out, of which nobody tells any more', () => {
  const steady = keepSteady(rows('c', 'b', 'a'), rows('d', 'c', 'b'));
  expect([idsOf(steady), steady.newCount]).toEqual([['c', 'b'], 1]);
  // Those that stand between wait with them.
  expect(keepSteady(rows('c', 'a'), rows('d', 'c', 'b', 'a')).newCount).toBe(2);
  // All of it.
  const moved = keepSteady(rows('b', 'a'), rows('d', 'c'));
  expect([idsOf(moved), moved.newCount]).toEqual([['d', 'c'], 0]);
});

it('drops a row that left the filter, and takes the one behind', () => {
  const steady = keepSteady(rows('c', 'b'), rows('c', 'a'));
  expect([idsOf(steady), steady.newCount]).toEqual([['c', 'a'], 0]);
});

it('does so also while new jobs wait to be shown', () => {
  const steady = keepSteady(rows('c', 'b'), rows('d', 'c', 'a'));
  expect([idsOf(steady), steady.newCount]).toEqual([['c', 'a'], 1]);
  // The last one that was shown has ended; the job that waited is all there is.
  const shown = keepSteady(rows('a'), rows('b', 'a'));
  expect([idsOf(shown), shown.newCount]).toEqual([['a'], 1]);
  const next = keepSteady(shown.rows, rows('b'));
  expect([idsOf(next), next.newCount]).toEqual([['b'], 0]);
});

it('counts the first jobs of an empty list', () => {
  expect(keepSteady([], rows('a')).newCount).toBe(1);
});

it('keeps apart jobs of two services that have one id', () => {
  const other = { ...row('a', 'failed'), service: 'nemo' };
  const steady = keepSteady([row('a'), other], [row('a'), other]);
  expect(steady).toEqual({ rows: [row('a'), other], newCount: 0 });
  expect(keepSteady([row('a')], [other, row('a')]).newCount).toBe(1);
});
