import { expect, test } from 'vitest';
import { RecentCache } from './recent-cache.ts';

test('what is asked for again and again stays, whatever comes beside it', () => {
  const cache = new RecentCache<number>({ maxSize: 10 });
  cache.set('kept', 1);
  for (let index = 0; index < 100; index += 1) {
    cache.set(`other-${index}`, index);
    expect(cache.get('kept')).toBe(1);
  }
  expect(cache.get('other-99')).toBe(99);
  expect(cache.get('other-0')).toBeUndefined();
});

test('it never holds more than it may, by the size of its values', () => {
  const cache = new RecentCache<string>({ maxSize: 100, sizeOf: ({ length }) => length });
  const keys = Array.from({ length: 50 }, (_, index) => `key-${index}`);
  for (const key of keys) cache.set(key, 'x'.repeat(20));
  const held = keys.filter((key) => cache.get(key) !== undefined);
  expect(held.length).toBeGreaterThan(0);
  expect(held.length * 20).toBeLessThanOrEqual(100);
  cache.set('huge', 'x'.repeat(51));
  expect(cache.get('huge')).toBeUndefined();
  expect(cache.get('key-49')).toBeDefined();
});

test('a value is made once, also one that is false', () => {
  const cache = new RecentCache<boolean>({ maxSize: 10 });
  let count = 0;
  const make = () => {
    count += 1;
    return false;
  };
  expect([cache.memo('a', make), cache.memo('a', make)]).toEqual([false, false]);
  expect(count).toBe(1);
});

test('what is deleted or replaced takes no room', () => {
  const cache = new RecentCache<string>({ maxSize: 100, sizeOf: ({ length }) => length });
  cache.set('kept', 'x'.repeat(30));
  for (let index = 0; index < 100; index += 1) {
    cache.set('replaced', 'x'.repeat(20));
    cache.set(`gone-${index}`, 'x'.repeat(20));
    cache.delete('replaced');
    cache.delete(`gone-${index}`);
    expect(cache.get(`gone-${index}`)).toBeUndefined();
  }
  expect(cache.get('kept')).toBeDefined();
});

test('what became too large is not answered with what it was', () => {
  const cache = new RecentCache<string>({ maxSize: 100, sizeOf: ({ length }) => length });
  cache.set('key', 'small');
  cache.set('key', 'x'.repeat(51));
  expect(cache.get('key')).toBeUndefined();
});
