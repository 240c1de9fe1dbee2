import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CachedObject, isNewer, ObjectCache } from './object-store.ts';

const names = fc.constantFrom('a', 'b', 'c');
const steps = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constantFrom(
        'write' as const,
        'delete' as const,
        'put' as const,
        'own-delete' as const,
      ),
      name: names,
      isLate: fc.boolean(),
    }),
    fc.record({ do: fc.constantFrom(...(['event', 'list', 'list-end', 'bookmark'] as const)) }),
  ),
  { maxLength: 60 },
);

type Script = typeof steps extends fc.Arbitrary<infer S> ? S : never;

/** A list that began before an object was made, and arrives after we deleted it again. */
const UNHEARD_OF: Script = [
  { do: 'list' },
  { do: 'write', name: 'a', isLate: false },
  { do: 'own-delete', name: 'a', isLate: false },
  { do: 'list-end' },
  { do: 'event' },
];

interface Event {
  readonly type: 'set' | 'deleted';
  readonly object: CachedObject;
}

/** An API server: what exists, and everything that ever happened, in order. */
class Server {
  version = 8;
  readonly objects = new Map<string, CachedObject>();
  readonly events: Event[] = [];

  write(name: string): CachedObject {
    const uid = this.objects.get(name)?.metadata.uid ?? `uid-${this.version}`;
    const object = { metadata: { name, uid, resourceVersion: this.#next() } };
    this.objects.set(name, object);
    this.events.push({ type: 'set', object });
    return object;
  }

  delete(name: string): void {
    const object = this.objects.get(name);
    if (object === undefined) return;
    const { uid } = object.metadata;
    this.objects.delete(name);
    const last = { metadata: { name, uid, resourceVersion: this.#next() } };
    this.events.push({ type: 'deleted', object: last });
  }

  #next(): string {
    this.version += 1;
    return String(this.version);
  }
}

const keep = (object: CachedObject) => object.metadata;

describe('ObjectCache', () => {
  it('never goes back, forgets nothing that lives, and ends where the server is', () => {
    fc.assert(
      fc.property(steps, (script) => {
        const server = new Server();
        const cache = new ObjectCache(keep);
        const written: CachedObject[] = [];
        const over = new Set<string>();
        let told = 0;
        /** Made, but not arrived yet; the watch is closed meanwhile. */
        let listing: { version: number; objects: CachedObject[]; events: number } | undefined;
        for (const step of script) {
          const before = new Map(cache.entries());
          if (step.do === 'write') written.push(server.write(step.name));
          else if (step.do === 'delete') server.delete(step.name);
          else if (step.do === 'own-delete') {
            const deleted = server.objects.get(step.name)?.metadata;
            if (deleted === undefined) continue;
            server.delete(step.name);
            over.add(deleted.uid);
            cache.remove(step.name, deleted.uid, deleted.resourceVersion);
          } else if (step.do === 'put') {
            // The answer to a write may arrive long after the write, in any order.
            const answers = written.filter(({ metadata }) => metadata.name === step.name);
            const late = step.isLate ? answers[0] : answers.at(-1);
            if (late !== undefined) cache.put(late);
          } else if (step.do === 'event') {
            const event = server.events[told];
            if (event === undefined || listing !== undefined) continue;
            told += 1;
            if (event.type === 'set') cache.applyChanged(event.object);
            else {
              cache.applyDeleted(event.object);
              over.add(event.object.metadata.uid);
            }
          } else if (step.do === 'list') {
            const { version, objects, events } = server;
            listing = { version, objects: [...objects.values()], events: events.length };
          } else if (step.do === 'list-end') {
            if (listing === undefined) continue;
            cache.applyList(listing.objects, String(listing.version));
            for (const { type, object } of server.events.slice(0, listing.events)) {
              if (type === 'deleted') over.add(object.metadata.uid);
            }
            told = listing.events;
            listing = undefined;
          } else if (told === server.events.length) cache.applyBookmark(String(server.version));

          for (const [name, now] of cache.entries()) {
            expect(over).not.toContain(now.uid);
            const earlier = before.get(name);
            if (earlier) expect(isNewer(earlier.resourceVersion, now.resourceVersion)).toBe(false);
          }
          for (const [name, { uid }] of before) {
            if (server.objects.get(name)?.metadata.uid !== uid) continue;
            expect(cache.get(name)).toBeDefined();
          }
          expect(cache.size).toBe([...cache.values()].length);
        }
        for (const { type, object } of server.events.slice(told)) {
          if (type === 'set') cache.applyChanged(object);
          else cache.applyDeleted(object);
        }
        const live = [...server.objects].map(([name, object]) => [name, object.metadata]);
        expect(new Map(cache.entries())).toEqual(new Map(live as [string, never][]));
      }),
      { numRuns: 2000, examples: [[UNHEARD_OF]] },
    );
  });

  it('hands what was kept of the same object to what keeps it, never of another', () => {
    const cache = new ObjectCache<CachedObject, number>((_, previous) => (previous ?? 0) + 1);
    const at = (uid: string, resourceVersion: string) => {
      return { metadata: { name: 'a', uid, resourceVersion } };
    };
    cache.applyChanged(at('1', '1'));
    cache.applyChanged(at('1', '2'));
    expect(cache.get('a')).toBe(2);
    cache.applyChanged(at('2', '3'));
    expect(cache.get('a')).toBe(1);
  });

  it('drops what is kept of an object that is no longer wanted', () => {
    const cache = new ObjectCache((object: CachedObject) =>
      object.metadata.resourceVersion === '2' ? undefined : object.metadata.resourceVersion,
    );
    const at = (resourceVersion: string) => ({
      metadata: { name: 'a', uid: '1', resourceVersion },
    });
    cache.applyChanged(at('1'));
    expect(cache.applyChanged(at('2'))).toEqual({ name: 'a', value: undefined, previous: '1' });
    expect(cache.size).toBe(0);
    expect(cache.put(at('1'))).toBeUndefined();
  });

  it('compares versions as numbers of any length', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n }), fc.bigInt({ min: 0n }), (a, b) => {
        expect(isNewer(String(a), String(b))).toBe(a > b);
      }),
    );
  });
});
