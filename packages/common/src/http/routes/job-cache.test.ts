import { expect, test } from 'vitest';
import { makeRecord } from '../../../test/make-record.ts';
import { JobCache } from './job-cache.ts';

const cacheOf = (maxSize = 100) =>
  new JobCache<string>({ maxSize, sizeOf: ({ length }) => length });

test('a value is that of one record and one stamp', () => {
  const cache = cacheOf();
  const record = makeRecord({ uid: 'first' });
  cache.set(record, 'told', '1 0');
  expect(cache.get(record, '1 0')).toBe('told');
  expect(cache.get({ ...record, version: 'later' }, '1 0')).toBe('told');
  expect(cache.get(record, '2 0')).toBeUndefined();
  expect(cache.get({ ...record, uid: 'second' }, '1 0')).toBeUndefined();
});

test('what is gone takes no room', () => {
  const cache = cacheOf();
  const kept = makeRecord({ name: 'kept' });
  cache.set(kept, 'x'.repeat(30));
  for (let n = 0; n < 100; n += 1) {
    cache.set(makeRecord({ name: `gone-${n}` }), 'x'.repeat(20));
    cache.forget(`gone-${n}`);
  }
  expect(cache.get(kept)).toBeDefined();
});
