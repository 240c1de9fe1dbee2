import { expect, it } from 'vitest';
import { toNextId } from './next-id.ts';

it.each([
  ['tickets', 'tickets-r2'],
  ['tickets-r2', 'tickets-r3'],
  ['tickets-r9', 'tickets-r10'],
  ['a:b-r', 'a:b-r-r2'],
  ['x'.repeat(128), `${'x'.repeat(125)}-r2`],
])('%s is followed by %s', (before, next) => {
  expect(toNextId(before)).toBe(next);
});
