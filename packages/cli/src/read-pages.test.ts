import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { LARGEST_PAGE as LARGEST_PAGE_OF_DELIVERIES } from './commands/deliveries.ts';
import { LARGEST_PAGE as LARGEST_PAGE_OF_JOBS } from './commands/list.ts';
import { type PageQuery, readPages } from './read-pages.ts';

/** Has seven rows, and notes how it is asked. */
function makeService() {
  const asked: PageQuery[] = [];
  const read = async (query: PageQuery) => {
    asked.push(query);
    const { limit = 3, cursor = '0' } = query;
    const end = Math.min(7, Number(cursor) + limit);
    const data = Array.from({ length: end - Number(cursor) }, (_, index) => Number(cursor) + index);
    return {
      data,
      has_more: end < 7,
      next_cursor: end < 7 ? String(end) : null,
      counts: { all: 7 },
    };
  };
  return { asked, read };
}

test('as many pages are read as are needed, and told as one', async () => {
  const { asked, read } = makeService();
  expect(await readPages(read, { wanted: 5, largest: 3 })).toEqual({
    ...{ data: [0, 1, 2, 3, 4], has_more: true, next_cursor: '5', counts: { all: 7 } },
  });
  expect(asked).toEqual([{ limit: 3 }, { limit: 2, cursor: '3' }]);
  const { data, ...end } = await readPages(makeService().read, { wanted: 100, largest: 3 });
  expect(data).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(end).toMatchObject({ has_more: false, next_cursor: null });
});

test('without a number, it is one page of the size that the service has', async () => {
  const { asked, read } = makeService();
  expect((await readPages(read, { wanted: undefined, largest: 5 })).data).toEqual([0, 1, 2]);
  expect(asked).toEqual([{}]);
});

test.each([
  ['without cursors', { data: [1, 2], has_more: true }, 1],
  ['with an empty cursor', { data: [1, 2], has_more: false, next_cursor: '' }, 1],
  ['whose page is empty, with a cursor', { data: [], has_more: true, next_cursor: 'x' }, 1],
])('a service %s is not asked again', async (_, page, times) => {
  let asked = 0;
  const read = async () => {
    asked += 1;
    if (asked > times) throw new Error('asked again');
    return page as { data: number[]; has_more: boolean; next_cursor: string | null };
  };
  expect(await readPages(read, { wanted: 10, largest: 5 })).toEqual(page);
});

test('no page is larger than the service takes', () => {
  const { paths } = JSON.parse(
    readFileSync(new URL('../../../docs/openapi.json', import.meta.url), 'utf8'),
  );
  const largest = (path: string) =>
    paths[path].get.parameters.find(({ name }: { name: string }) => name === 'limit').schema
      .maximum;
  expect(LARGEST_PAGE_OF_JOBS).toBe(largest('/train'));
  expect(LARGEST_PAGE_OF_DELIVERIES).toBe(largest('/deliveries'));
});
