import type { JobStore } from '../jobs/job-store.ts';

/** Tells of changes of single records; thousands may wait for one each, and share one watch. */
export class JobChanges {
  readonly #listeners = new Map<string, Set<() => void>>();
  readonly #unwatch: () => void;

  constructor(store: Pick<JobStore, 'watch'>) {
    this.#unwatch = store.watch((name) => {
      for (const listener of [...(this.#listeners.get(name) ?? [])]) listener();
    });
  }

  /** Calls `listener` whenever the record of that name has changed or is gone; returns how to stop that. */
  watch(name: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(name) === listeners) {
        this.#listeners.delete(name);
      }
    };
  }

  /** How many wait. */
  get size(): number {
    let count = 0;
    for (const { size } of this.#listeners.values()) count += size;
    return count;
  }

  close(): void {
    this.#unwatch();
    this.#listeners.clear();
  }
}
