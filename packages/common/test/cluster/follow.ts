import type { ApiClient, ApiRequest } from '../../src/kubernetes/api-client.ts';

export interface Named {
  readonly metadata: { readonly name: string };
}

interface Versioned extends Named {
  readonly metadata: Named['metadata'] & { readonly resourceVersion: string };
}

/** Waits for the objects to be as wanted; resolves with them, by name. */
export type Until<T> = (
  isWanted: (items: ReadonlyMap<string, T>) => boolean,
  timeoutMs?: number,
) => Promise<ReadonlyMap<string, T>>;

/**
 * Lists a collection; what is returned then waits by watches and misses nothing that happens from
 * here on, however short it lasts.
 */
export async function follow<T extends Named>(
  client: ApiClient,
  { path, query = {} }: Pick<ApiRequest, 'path' | 'query'>,
): Promise<Until<T>> {
  const { metadata, items: listed } = await client.call<{
    metadata: { resourceVersion: string };
    items: T[] | null;
  }>({ method: 'GET', path, query });
  let { resourceVersion } = metadata;
  const items = new Map((listed ?? []).map((item) => [item.metadata.name, item]));
  return async (isWanted, timeoutMs = 60_000) => {
    if (isWanted(items)) return items;
    const signal = AbortSignal.timeout(timeoutMs);
    const events = await client.watch<T & Versioned>({
      ...{ method: 'GET', path, query: { ...query, resourceVersion }, signal },
    });
    for await (const { type, object } of events) {
      resourceVersion = object.metadata.resourceVersion;
      if (type === 'DELETED') items.delete(object.metadata.name);
      else items.set(object.metadata.name, object);
      if (isWanted(items)) return items;
    }
    throw new Error(`${path} was not as wanted within ${timeoutMs} ms`);
  };
}
