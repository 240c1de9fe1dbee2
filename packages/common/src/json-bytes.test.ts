import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fitsJson, jsonBytes } from './json-bytes.ts';

test('says of any value whether its JSON fits, without writing it where it is small', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat({ max: 400 }), (value, maxBytes) => {
      expect(fitsJson(value, maxBytes)).toBe(jsonBytes(value) <= maxBytes);
    }),
  );
});

test.each([
  ['a control character', '\u0001'.repeat(10)],
  ['half a pair', '\ud800'.repeat(10)],
  ['a long number', -1.7976931348623157e308],
  ['many members', [{ a: null, '\u0002': false }, [], {}, -1e-300]],
])('never takes %s for smaller than it is', (_, value) => {
  const bytes = jsonBytes(value);
  expect(fitsJson(value, bytes)).toBe(true);
  expect(fitsJson(value, bytes - 1)).toBe(false);
});
