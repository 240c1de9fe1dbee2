import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kube } from '../kube.ts';
import type { Pod } from './pod.ts';

const RETRY_MS = 500;

interface Versioned {
  readonly metadata: { readonly resourceVersion: string };
}

interface PodEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: Pod & Versioned;
}

export interface PodListener {
  onPod(pod: Pod): void;
  /** The pod is no longer there, whatever its containers do. */
  onGone(uid: string): void;
}

/** Tells of every pod that is bound to the node, until `signal`; an API server that goes away is waited for. */
export async function watchPods(
  kube: Kube,
  node: string,
  listener: PodListener,
  signal: AbortSignal,
): Promise<void> {
  const path = `/api/v1/pods?fieldSelector=spec.nodeName%3D${node}`;
  const known = new Set<string>();
  while (!signal.aborted) {
    try {
      const list = await kube.call<Versioned & { items: Pod[] }>('GET', path);
      for (const pod of list.items) listener.onPod(pod);
      const present = new Set(list.items.map(({ metadata }) => metadata.uid));
      for (const uid of known) if (!present.has(uid)) listener.onGone(uid);
      known.clear();
      for (const uid of present) known.add(uid);
      const watch = `${path}&watch=true&resourceVersion=${list.metadata.resourceVersion}`;
      const lines = createInterface({ input: await kube.stream(watch, signal) });
      for await (const line of lines) {
        const { type, object } = JSON.parse(line) as PodEvent;
        if (type === 'ERROR') break;
        const { uid } = object.metadata;
        if (type === 'DELETED') {
          known.delete(uid);
          listener.onGone(uid);
        } else {
          known.add(uid);
          listener.onPod(object);
        }
      }
    } catch {
      // Listed again, which tells what was missed.
    }
    await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
  }
}
