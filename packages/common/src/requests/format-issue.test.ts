import { expect, test } from 'vitest';
import { z } from 'zod';
import { toPath, toViolation } from './format-issue.ts';

const OWN = 'must be written as s3://bucket/folder';

test.each<[string, z.ZodType, unknown, string]>([
  ['a missing field', z.object({ a: z.string() }), {}, 'a is required and must be a text.'],
  ['another type', z.object({ a: z.int() }), { a: 'x' }, 'a must be a number.'],
  ['a fraction', z.object({ a: z.int() }), { a: 1.5 }, 'a must be a whole number.'],
  ['a body of another type', z.array(z.string()), 'x', 'The body must be a list.'],
  ['a choice', z.object({ a: z.enum(['x', 'y']) }), { a: 'z' }, 'a must be one of x, y.'],
  ['a value too small', z.object({ a: z.number().min(2) }), { a: 1 }, 'a must be at least 2.'],
  ['a value too big', z.object({ a: z.number().max(2) }), { a: 3 }, 'a must be at most 2.'],
  ['a bound itself', z.object({ a: z.number().gt(0) }), { a: 0 }, 'a must be greater than 0.'],
  ['an upper bound itself', z.object({ a: z.number().lt(1) }), { a: 1 }, 'a must be less than 1.'],
  ['an empty text', z.object({ a: z.string().min(1) }), { a: '' }, 'a must not be empty.'],
  [
    'a short text',
    z.object({ a: z.string().min(2) }),
    { a: 'x' },
    'a must be at least 2 characters long.',
  ],
  [
    'a long text',
    z.object({ a: z.string().max(1) }),
    { a: 'xy' },
    'a must be at most 1 character long.',
  ],
  [
    'too few elements',
    z.object({ a: z.array(z.int()).min(1) }),
    { a: [] },
    'a must hold at least 1 element.',
  ],
  [
    'too many elements',
    z.object({ a: z.array(z.int()).max(2) }),
    { a: [1, 2, 3] },
    'a must hold at most 2 elements.',
  ],
  [
    'keys that may not be there',
    z.object({ a: z.strictObject({}) }),
    { a: { x: 1, y: 2 } },
    'a must hold no key named x or y.',
  ],
  [
    'a key that may not be there',
    z.object({ a: z.record(z.string().regex(/^[a-z]+$/), z.int()) }),
    { a: { '1': 1 } },
    'a.1 holds a key or an element that is not allowed there.',
  ],
  [
    'an element that may not be there',
    z.object({ a: z.map(z.int(), z.int()) }),
    { a: new Map([[{}, 'x']]) },
    'a holds a key or an element that is not allowed there.',
  ],
  [
    'a pattern without words of its own',
    z.object({ a: z.string().regex(/^x$/) }),
    { a: 'S3cr3t' },
    'a must be written otherwise.',
  ],
  [
    'a pattern with words of its own',
    z.object({ a: z.string().regex(/^x$/, OWN) }),
    { a: 'S3cr3t' },
    `a ${OWN}.`,
  ],
  [
    'a rule of its own',
    z.object({ a: z.string().refine(() => false, 'does not fit') }),
    { a: 'x' },
    'a does not fit.',
  ],
])('%s', (_, schema, value, message) => {
  const issue = schema.safeParse(value).error?.issues[0];
  expect(issue && toViolation(issue).message).toBe(message);
});

test('a path names lists by index and cuts long keys', () => {
  expect(toPath(['datasets', 0, 'format'])).toBe('datasets[0].format');
  expect(toPath([0, 'a'])).toBe('[0].a');
  expect(toPath(['k'.repeat(80)])).toBe('k'.repeat(80));
  expect(toPath(['a', 'k'.repeat(81)])).toBe(`a.${'k'.repeat(80)}…`);
});
