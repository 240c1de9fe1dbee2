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

it('counts new jobs and keeps what they pushed out', () => {
  const steady = keepSteady(rows('b', 'a'), rows('d', 'c'));
  expect([idsOf(steady), steady.newCount]).toEqual([['b', 'a'], 2]);
  expect(keepSteady(rows('b', 'a'), rows('c', 'b')).newCount).toBe(1);
});

it('drops a row that left the filter, and takes the one behind', () => {
  const steady = keepSteady(rows('c', 'b'), rows('c', 'a'));
  expect([idsOf(steady), steady.newCount]).toEqual([['c', 'a'], 0]);
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
