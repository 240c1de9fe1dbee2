/** The part of every Kubernetes object that a cache relies on. */
export interface CachedObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
}

/** What became of one name: what is kept now, and what was kept before. */
export interface CacheChange<V> {
  readonly name: string;
  readonly value: V | undefined;
  readonly previous: V | undefined;
}

/** What is kept of an object, given what was kept of it before; undefined ignores the object. */
export type Keep<T, V> = (object: T, previous: V | undefined) => V | undefined;

interface Entry<V> {
  readonly uid: string;
  readonly version: string;
  /** Undefined for an object that nothing is kept of. */
  readonly value: V | undefined;
}

/**
 * The newest known state of one namespace's objects, fed by lists, by the events of a watch and by
 * the answers to our own writes, in whatever order those arrive; it never goes back in time.
 */
export class ObjectCache<T extends CachedObject, V> {
  readonly #keep: Keep<T, V>;
  readonly #entries = new Map<string, Entry<V>>();
  /**
   * Objects that we deleted ourselves, as uid → a version at which they still were: the watch may
   * yet tell of their lives.
   */
  readonly #deleted = new Map<string, string>();
  /** Everything up to this resource version has been seen. */
  #seenUpTo = '0';
  #size = 0;

  constructor(keep: Keep<T, V>) {
    this.#keep = keep;
  }

  get seenUpTo(): string {
    return this.#seenUpTo;
  }

  /** How many values are kept. */
  get size(): number {
    return this.#size;
  }

  get(name: string): V | undefined {
    return this.#entries.get(name)?.value;
  }

  *entries(): Iterable<[name: string, value: V]> {
    for (const [name, { value }] of this.#entries) if (value !== undefined) yield [name, value];
  }

  *values(): Iterable<V> {
    for (const [, value] of this.entries()) yield value;
  }

  /** An object as a write or a read of ours returned it. */
  put(object: T): CacheChange<V> | undefined {
    const { name, resourceVersion } = object.metadata;
    // Known to be older than what was seen, and not there: it was deleted since.
    if (!this.#entries.has(name) && !isNewer(resourceVersion, this.#seenUpTo)) return undefined;
    return this.#set(object);
  }

  /** After our own delete of exactly this object, which was last known to have this version. */
  remove(name: string, uid: string, version?: string): CacheChange<V> | undefined {
    const entry = this.#entries.get(name);
    this.#deleted.set(uid, version ?? entry?.version ?? this.#seenUpTo);
    return entry?.uid === uid ? this.#drop(name) : undefined;
  }

  applyChanged(object: T): CacheChange<V> | undefined {
    this.#advance(object.metadata.resourceVersion);
    return this.#set(object);
  }

  applyDeleted({ metadata }: T): CacheChange<V> | undefined {
    const { name, uid, resourceVersion } = metadata;
    this.#advance(resourceVersion);
    this.#deleted.delete(uid);
    const entry = this.#entries.get(name);
    if (entry === undefined || isNewer(entry.version, resourceVersion)) return undefined;
    return this.#drop(name);
  }

  applyBookmark(version: string): void {
    this.#advance(version);
  }

  /** Takes a complete list, made at `version`; returns what is different now. */
  applyList(objects: readonly T[], version: string): CacheChange<V>[] {
    const changes: (CacheChange<V> | undefined)[] = [];
    const names = new Set(objects.map(({ metadata }) => metadata.name));
    for (const [name, entry] of this.#entries) {
      if (!names.has(name) && !isNewer(entry.version, version)) changes.push(this.#drop(name));
    }
    const uids = new Set(objects.map(({ metadata }) => metadata.uid));
    for (const [uid, alive] of this.#deleted) {
      if (!uids.has(uid) && !isNewer(alive, version)) this.#deleted.delete(uid);
    }
    for (const object of objects) changes.push(this.#set(object));
    this.#advance(version);
    return changes.filter((change) => change !== undefined);
  }

  /** Takes a complete list of a cluster that went back in time: only what it holds is true. */
  applyRestoredList(objects: readonly T[], version: string): CacheChange<V>[] {
    const names = new Set(objects.map(({ metadata }) => metadata.name));
    const gone = [...this.#entries.keys()].filter((name) => !names.has(name));
    const changes = gone.map((name) => this.#drop(name));
    this.#deleted.clear();
    this.#seenUpTo = version;
    for (const object of objects) changes.push(this.#replace(object));
    return changes.filter((change) => change !== undefined);
  }

  /** Forgets everything, as before the first list. */
  clear(): void {
    this.#entries.clear();
    this.#deleted.clear();
    this.#seenUpTo = '0';
    this.#size = 0;
  }

  #set(object: T): CacheChange<V> | undefined {
    const { name, uid, resourceVersion } = object.metadata;
    const entry = this.#entries.get(name);
    if (entry !== undefined && !isNewer(resourceVersion, entry.version)) return undefined;
    if (this.#deleted.has(uid)) return undefined;
    return this.#replace(object);
  }

  #replace(object: T): CacheChange<V> | undefined {
    const { name, uid, resourceVersion } = object.metadata;
    const entry = this.#entries.get(name);
    const value = this.#keep(object, entry?.uid === uid ? entry.value : undefined);
    this.#entries.set(name, { uid, version: resourceVersion, value });
    return this.#changed(name, value, entry?.value);
  }

  #drop(name: string): CacheChange<V> | undefined {
    const previous = this.#entries.get(name)?.value;
    this.#entries.delete(name);
    return this.#changed(name, undefined, previous);
  }

  #changed(name: string, value: V | undefined, previous: V | undefined) {
    if (value === undefined && previous === undefined) return undefined;
    this.#size += Number(value !== undefined) - Number(previous !== undefined);
    return { name, value, previous };
  }

  #advance(version: string): void {
    if (isNewer(version, this.#seenUpTo)) this.#seenUpTo = version;
  }
}

/**
 * Whether resource version `a` is newer than `b`: whole decimal numbers of any length, comparable
 * within one resource since Kubernetes 1.35 and in fact ever since etcd 3.
 */
export function isNewer(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}
