/** What a cache may hold, and how much of that a value takes; by default each takes one. */
export interface RecentCacheOptions<V> {
  readonly maxSize: number;
  readonly sizeOf?: (value: V) => number;
}

/**
 * Remembers values by key, of which it drops those that were not asked for lately. It holds between
 * half of `maxSize` and all of it: values live in two generations instead of in exact order, since
 * a look at one then costs a look at a map and no more.
 */
export class RecentCache<V> {
  readonly #maxYoungSize: number;
  readonly #sizeOf: (value: V) => number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();
  #youngSize = 0;

  constructor({ maxSize, sizeOf = () => 1 }: RecentCacheOptions<V>) {
    this.#maxYoungSize = maxSize / 2;
    this.#sizeOf = sizeOf;
  }

  get(key: string): V | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  /** What is too large for a generation of its own is not kept. */
  set(key: string, value: V): void {
    const size = this.#sizeOf(value);
    this.delete(key);
    if (size > this.#maxYoungSize) return;
    if (this.#youngSize + size > this.#maxYoungSize) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngSize = 0;
    }
    this.#youngSize += size;
    this.#young.set(key, value);
  }

  delete(key: string): void {
    const young = this.#young.get(key);
    if (young !== undefined) this.#youngSize -= this.#sizeOf(young);
    this.#young.delete(key);
    this.#old.delete(key);
  }

  /** The value of `key`, made by `make` where it is not at hand. */
  memo(key: string, make: (key: string) => V): V {
    const known = this.get(key);
    if (known !== undefined) return known;
    const made = make(key);
    this.set(key, made);
    return made;
  }
}
