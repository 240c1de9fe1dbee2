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
  let last = first;
  // A service without cursors, or one whose pages lead nowhere, is not asked for ever.
  while (last.next_cursor && last.data.length > 0 && data.length < wanted) {
    const limit = Math.min(wanted - data.length, largest);
    last = await read({ limit, cursor: last.next_cursor });
    data.push(...last.data);
  }
  return { ...first, data, has_more: last.has_more, next_cursor: last.next_cursor };
}
