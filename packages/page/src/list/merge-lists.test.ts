import { expect, it } from 'vitest';
import type { JobList } from './job-list.ts';
import { addCounts, mergeLists } from './merge-lists.ts';

const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();
/** A list whose jobs are named for the second in which they were created. */
const list = (seconds: readonly number[], has_more = false) =>
  ({
    data: seconds.map((second, index) => ({
      job_id: `${second}.${index}`,
      timestamps: { created_at: at(second) },
    })),
    has_more,
    counts: { running: seconds.length },
  }) as unknown as JobList;
const merge = (lists: Record<string, JobList>, size: number) => {
  const { rows, older } = mergeLists(lists, size);
  return [rows.map(({ job_id, service }) => `${service} ${job_id}`), older];
};

it('shows the newest of all, each with its service', () => {
  expect(merge({ meta: list([9, 5]), nemo: list([7]) }, 10)).toEqual([
    ['meta 9.0', 'nemo 7.0', 'meta 5.1'],
    undefined,
  ]);
});

it('goes on where its rows end', () => {
  expect(merge({ meta: list([9, 5, 4]), nemo: list([7, 6]) }, 3)).toEqual([
    ['meta 9.0', 'nemo 7.0', 'nemo 6.1'],
    at(6),
  ]);
});

it('shows nothing that is older than what a service has not told yet', () => {
  // Between 8 and 3 meta may have more.
  expect(merge({ meta: list([9, 8], true), nemo: list([7, 3]) }, 3)).toEqual([['meta 9.0'], at(9)]);
});

it('keeps jobs of one moment together', () => {
  expect(merge({ meta: list([9, 5, 5, 4]), nemo: list([5]) }, 2)).toEqual([
    ['meta 9.0', 'meta 5.1', 'meta 5.2', 'nemo 5.0'],
    at(5),
  ]);
  expect(merge({ meta: list([5, 5], true), nemo: list([4]) }, 2)).toEqual([
    ['meta 5.0', 'meta 5.1'],
    at(5),
  ]);
});

it('is empty where nobody has jobs', () => {
  expect(merge({ meta: list([]), nemo: list([]) }, 2)).toEqual([[], undefined]);
  expect(merge({}, 2)).toEqual([[], undefined]);
});

it('adds up counts', () => {
  expect(addCounts([list([1, 2]), list([3])])).toEqual({ running: 3 });
});
