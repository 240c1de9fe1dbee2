import { expect, it } from 'vitest';
import type { JobRow } from './job-list.ts';
import { keepSteady } from './steady-rows.ts';

const row = (job_id: string, status = 'running') => ({ job_id, status }) as JobRow;
const rows = (...ids: string[]) => ids.map((id) => row(id));
const idsOf = ({ rows }: { rows: readonly JobRow[] }) => rows.map(({ job_id }) => job_id);

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
