import type { Logger } from 'pino';
import { type Backoff, type Random, toBackoffMs } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { Emitter } from '../emitter.ts';
import { type ApiClient, ApiError, type ApiRequest } from './api-client.ts';
import { BackgroundLoop } from './background-loop.ts';
import {
  type CacheChange,
  type CachedObject,
  isNewer,
  type Keep,
  ObjectCache,
} from './object-store.ts';
import { isOutage } from './outage.ts';
import { OutageLog, toWholeMs } from './outage-log.ts';
import { pause } from './pause.ts';

export interface ListWatchOptions<T extends CachedObject, V> {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The collection: `/api/v1/namespaces/jobs/secrets`. */
  readonly path: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Objects come without spec, data and status (PartialObjectMetadata). */
  readonly metadataOnly?: boolean;
  readonly keep: Keep<T, V>;
  /** How long a watch may say nothing before it counts as broken; above a minute or so. */
  readonly silenceMs?: number;
  /** As in `ApiRequest`. */
  readonly isServedElsewhere?: boolean;
  /** How often everything is listed again even if nothing went wrong. */
  readonly resyncMs?: number;
}

interface Page<T> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly T[];
}

export type CacheListener<V> = (change: CacheChange<V>) => void;

const PAGE_SIZE = 250;
const PAGE_TIMEOUT_MS = 30_000;
const RESYNC_MS = 30 * 60_000;
const WATCH_SECONDS = 600;
const RETRY: Backoff = { firstMs: 200, longestMs: 8000, jitter: [0.5, 1] };
/** A watch that held this long was a good one, so that the next break is retried soon again. */
const HEALTHY_MS = 10_000;
/** A watch that the server ends sooner than this is a break, else we would ask in a tight loop. */
const TOO_SHORT_MS = 1000;

/**
 * A cache of one collection that follows the cluster: list, then watch, and after any kind of break
 * both again, for ever. It may be opened and closed any number of times, at any moment.
 */
export class Informer<T extends CachedObject, V> {
  readonly #options: ListWatchOptions<T, V>;
  readonly #cache: ObjectCache<T, V>;
  readonly #changes = new Emitter<CacheChange<V>>();
  readonly #loop = new BackgroundLoop((signal, attempted) => this.#follow(signal, attempted));
  #isFollowing = false;
  /** How many lists in a row were older than what had been seen. */
  #olderLists = 0;
  /** Of breaks that are no outage of the API server. */
  readonly #log: OutageLog;
  /** Monotonic time up to which the cache is known to have been complete. */
  #currentUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: ListWatchOptions<T, V>) {
    this.#options = options;
    const { keep, clock, logger, path } = options;
    this.#log = new OutageLog({
      ...{ clock, logger },
      messages: {
        begins: 'watch interrupted, retrying',
        goesOn: 'watching is still interrupted',
        ends: 'watch restored',
      },
      describe: () => ({ path, behind_ms: toWholeMs(this.behindForMs()) }),
    });
    this.#cache = new ObjectCache((object, previous) => this.#guard(() => keep(object, previous)));
  }

  /** Starts following; resolves after the first list, or the first failure to make one. */
  open(): Promise<void> {
    return this.#loop.open();
  }

  /** Stops and forgets everything; resolves when nothing is alive any more. */
  async close(): Promise<void> {
    if (!this.#loop.isOpen) return;
    const ended = this.#loop.close();
    this.#isFollowing = false;
    this.#currentUntilMs = Number.NEGATIVE_INFINITY;
    this.#cache.clear();
    await ended;
    this.#log.close();
  }

  /** For how long the cache may have been missing changes; infinite until the first list. */
  behindForMs(): number {
    return this.#isFollowing ? 0 : this.#options.clock.monotonic() - this.#currentUntilMs;
  }

  /** Everything up to this resource version is known here. */
  get seenUpTo(): string {
    return this.#cache.seenUpTo;
  }

  get size(): number {
    return this.#cache.size;
  }

  get(name: string): V | undefined {
    return this.#cache.get(name);
  }

  values(): Iterable<V> {
    return this.#cache.values();
  }

  /** Takes the answer to a write or a read of ours, unless what is known is newer. */
  put(object: T): void {
    if (this.#loop.isOpen) this.#announce(this.#cache.put(object));
  }

  /** Takes note that we deleted this object, last known to have this resource version. */
  remove(name: string, uid: string, version?: string): void {
    if (this.#loop.isOpen) this.#announce(this.#cache.remove(name, uid, version));
  }

  /** Calls `listener` with every change, and with everything now and then; returns how to stop. */
  watch(listener: CacheListener<V>): () => void {
    return this.#changes.watch(listener);
  }

  async #follow(signal: AbortSignal, attempted: () => void): Promise<void> {
    const { clock } = this.#options;
    let failures = 0;
    let isResync = false;
    while (!signal.aborted) {
      let listedAtMs = Number.POSITIVE_INFINITY;
      try {
        await this.#list(signal, isResync);
        attempted();
        listedAtMs = clock.monotonic();
        await this.#watchUntilResync(signal);
        isResync = true;
        failures = 0;
      } catch (error) {
        attempted();
        if (signal.aborted) return;
        if (clock.monotonic() - listedAtMs > HEALTHY_MS) failures = 0;
        const delayMs = retryDelayMs(failures, error, this.#options.random);
        const isListed = Number.isFinite(listedAtMs);
        // A watch may break once, and an outage is logged once for all calls.
        const isToBeTold = isListed ? failures > 0 : !isToldAsOutage(error);
        if (isToBeTold) this.#log.failed(error);
        failures += 1;
        isResync = false;
        await pause(clock, delayMs, signal);
      }
    }
    attempted();
  }

  async #list(signal: AbortSignal, isResync: boolean): Promise<void> {
    const objects: T[] = [];
    let version: string | undefined;
    let next: string | undefined;
    do {
      const page: Page<T> = await this.#options.client.call<Page<T>>({
        ...this.#request('PartialObjectMetadataList', signal),
        isRetriedBySender: true,
        timeoutMs: PAGE_TIMEOUT_MS,
        query: { ...this.#selectors(), limit: PAGE_SIZE, continue: next },
      });
      objects.push(...(page.items ?? []));
      version ??= page.metadata.resourceVersion;
      next = page.metadata.continue || undefined;
    } while (next !== undefined);
    // A run that was stopped meanwhile must not touch what the next one knows.
    signal.throwIfAborted();
    const changes = this.#isRestored(version)
      ? this.#cache.applyRestoredList(objects, version)
      : this.#cache.applyList(objects, version);
    this.#currentUntilMs = this.#options.clock.monotonic();
    for (const change of isResync ? this.#everything(changes) : changes) this.#announce(change);
  }

  /**
   * Whether the cluster went back in time, as when etcd is restored from a backup: what was seen
   * since may never have been.
   * @throws ApiError for the first older list, which a server that lags behind may have given.
   */
  #isRestored(version: string): boolean {
    this.#olderLists = isNewer(this.#cache.seenUpTo, version) ? this.#olderLists + 1 : 0;
    if (this.#olderLists === 0) return false;
    if (this.#olderLists === 1) throw new ApiError('the list is older than what was seen', {});
    this.#olderLists = 0;
    const { logger, path } = this.#options;
    logger.error({ path }, 'cluster restored to an older state, listing again');
    return true;
  }

  /** Returns when it is time to list again; throws for every break. */
  async #watchUntilResync(signal: AbortSignal): Promise<void> {
    const { clock, random, resyncMs = RESYNC_MS } = this.#options;
    const resyncAtMs = clock.monotonic() + spread(resyncMs, random);
    try {
      while (clock.monotonic() < resyncAtMs) {
        const startedAtMs = clock.monotonic();
        const leftSeconds = Math.ceil((resyncAtMs - startedAtMs) / 1000);
        const watchSeconds = Math.ceil(spread(WATCH_SECONDS, random));
        await this.#watchOnce(signal, Math.min(leftSeconds, watchSeconds));
        const endedAtMs = clock.monotonic();
        if (endedAtMs < resyncAtMs && endedAtMs - startedAtMs < TOO_SHORT_MS) {
          throw new ApiError('the server ended a watch at once', {});
        }
      }
    } finally {
      if (!signal.aborted && this.#isFollowing) {
        this.#isFollowing = false;
        this.#currentUntilMs = clock.monotonic();
      }
    }
  }

  async #watchOnce(signal: AbortSignal, timeoutSeconds: number): Promise<void> {
    const events = await this.#options.client.watch<T>({
      ...this.#request('PartialObjectMetadata', signal),
      ...(this.#options.silenceMs && { timeoutMs: this.#options.silenceMs }),
      query: {
        ...this.#selectors(),
        resourceVersion: this.#cache.seenUpTo,
        allowWatchBookmarks: true,
        timeoutSeconds,
      },
    });
    if (!signal.aborted) this.#noteFollowing();
    for await (const { type, object } of events) {
      signal.throwIfAborted();
      if (type === 'BOOKMARK') this.#cache.applyBookmark(object.metadata.resourceVersion);
      else if (type === 'DELETED') this.#announce(this.#cache.applyDeleted(object));
      else this.#announce(this.#cache.applyChanged(object));
    }
    signal.throwIfAborted();
  }

  #noteFollowing(): void {
    this.#log.succeeded();
    this.#isFollowing = true;
  }

  #request(as: string, signal: AbortSignal): ApiRequest {
    const { path, metadataOnly, isServedElsewhere } = this.#options;
    const accept = `application/json;as=${as};g=meta.k8s.io;v=v1`;
    const request: ApiRequest = { method: 'GET', path, signal, ...(metadataOnly && { accept }) };
    return isServedElsewhere ? { ...request, isServedElsewhere } : request;
  }

  #selectors() {
    const { labelSelector, fieldSelector } = this.#options;
    return { labelSelector, fieldSelector };
  }

  /** What changed, and what did not, so that a listener that missed something gets it again. */
  *#everything(changes: readonly CacheChange<V>[]): Iterable<CacheChange<V>> {
    yield* changes;
    const changed = new Set(changes.map(({ name }) => name));
    for (const [name, value] of this.#cache.entries()) {
      if (!changed.has(name)) yield { name, value, previous: value };
    }
  }

  #announce(change: CacheChange<V> | undefined): void {
    if (change === undefined) return;
    this.#changes.emit(change, (error) => this.#tellSkipped(error));
  }

  /** What others do with an object never breaks the watch. */
  #guard<R>(work: () => R): R | undefined {
    try {
      return work();
    } catch (error) {
      this.#tellSkipped(error);
      return undefined;
    }
  }

  #tellSkipped(error: unknown): void {
    this.#options.logger.error(
      { path: this.#options.path, err: error },
      'object skipped, since it cannot be read',
    );
  }
}

function retryDelayMs(failures: number, error: unknown, random: Random): number {
  const askedMs = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
  const ownMs = toBackoffMs(failures + 1, RETRY, random);
  return Math.max(ownMs, Math.min(askedMs, RETRY.longestMs));
}

function isToldAsOutage(error: unknown): boolean {
  return error instanceof ApiError && isOutage(error);
}

/** Replicas that began together must not go on asking together. */
function spread(value: number, random: Random): number {
  return value * (0.5 + random() / 2);
}
