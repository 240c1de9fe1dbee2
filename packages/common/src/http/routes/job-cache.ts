import type { JobRecord } from '../../jobs/job.ts';
import { RecentCache } from '../../recent-cache.ts';

interface Remembered<V> {
  readonly stamp: string;
  readonly value: V;
}

/**
 * Remembers one value of each job, up to `maxSize` by `sizeOf`, while what it was made of is as its
 * `stamp` says. Jobs come and go for months, so that it forgets those that are gone.
 */
export class JobCache<V> {
  readonly #values: RecentCache<Remembered<V>>;

  constructor({ maxSize, sizeOf }: { maxSize: number; sizeOf: (value: V) => number }) {
    this.#values = new RecentCache({ maxSize, sizeOf: ({ value }) => sizeOf(value) });
  }

  get({ name, uid }: JobRecord, stamp = ''): V | undefined {
    const known = this.#values.get(name);
    return known?.stamp === `${uid} ${stamp}` ? known.value : undefined;
  }

  set({ name, uid }: JobRecord, value: V, stamp = ''): void {
    this.#values.set(name, { stamp: `${uid} ${stamp}`, value });
  }

  /** `name` is the record's. */
  forget(name: string): void {
    this.#values.delete(name);
  }
}
