interface Page {
  readonly data: readonly unknown[];
  readonly has_more: boolean;
  readonly next_cursor: string | null;
}

/** What one page is asked for with. */
export interface PageQuery {
  readonly limit?: number;
  readonly cursor?: string;
}

/**
 * Reads as many rows as are wanted, page by page, and tells them as one page: the first, with the rows
 * and the end of all. Where no number is wanted, one page of the service's own size.
 */
export async function readPages<Answer extends Page>(
  read: (query: PageQuery) => Promise<Answer>,
  { wanted, largest }: { readonly wanted: number | undefined; readonly largest: number },
): Promise<Answer> {
  if (wanted === undefined) return read({});
  const first = await read({ limit: Math.min(wanted, largest) });
  const data = [...first.data];
  let { next_cursor: cursor } = first;
  while (cursor !== null && data.length < wanted) {
    const page = await read({ limit: Math.min(wanted - data.length, largest), cursor });
    data.push(...page.data);
    cursor = page.next_cursor;
  }
  return { ...first, data, has_more: cursor !== null, next_cursor: cursor };
}
