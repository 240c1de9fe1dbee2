import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '@trainer/common/testing/cluster';

interface Versioned {
  readonly metadata: { readonly resourceVersion: string };
}

/** Calls `note` with every object of a collection and each of its changes, until `signal` aborts. */
export async function followCollection<T extends Versioned>(
  client: ApiClient,
  path: string,
  note: (seen: T, isGone: boolean) => void,
  signal: AbortSignal,
): Promise<void> {
  let resourceVersion: string | undefined;
  while (!signal.aborted) {
    try {
      const query = { resourceVersion, allowWatchBookmarks: true };
      const watch = await client.watch<T>({ method: 'GET', path, query, signal });
      for await (const { type, object } of watch) {
        resourceVersion = object.metadata.resourceVersion;
        if (type !== 'BOOKMARK') note(object, type === 'DELETED');
      }
    } catch {
      resourceVersion = undefined;
      await sleep(200, undefined, { signal }).catch(() => {});
    }
  }
}
