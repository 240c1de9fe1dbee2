import { expect, it } from 'vitest';
import { parseRoute, toJobHash, toListHash } from './route.ts';

it.each(['job-1', 'a:b.c_d', 'with/slash', 'with?query', '100%'])(
  'leads to the job %s',
  (jobId) => {
    const route = { view: 'job', service: 'meta', jobId };
    expect(parseRoute(toJobHash('meta', jobId))).toEqual(route);
  },
);

it('leads to the job that had an id at a time', () => {
  const at = '2026-11-27T03:30:00.000Z';
  const route = { view: 'job', service: 'meta', jobId: 'with?query', madeBefore: at };
  expect(parseRoute(toJobHash('meta', 'with?query', at))).toEqual(route);
});

it.each(['', '#', '#/', '#/jobs/meta', '#/elsewhere', '#/?status=running'])(
  '%j is the list',
  (hash) => {
    expect(parseRoute(hash).view).toBe('list');
  },
);

it('keeps filters', () => {
  const filters = new URLSearchParams({ status: 'running', 'label[team]': 'x y' });
  expect(parseRoute(toListHash(filters))).toEqual({ view: 'list', filters });
});

it('reads an address that is cut in the middle of an escape', () => {
  expect(parseRoute('#/jobs/meta/a%')).toEqual({ view: 'job', service: 'meta', jobId: 'a%' });
});
