import { expect, test } from 'vitest';
import { trainerVariables } from './trainer-variables.ts';

const FROM_SECRET = { secretKeyRef: { name: 'keys', key: 'HF_TOKEN' } };
const problemsOf = (given: unknown) =>
  trainerVariables.safeParse(given).error?.issues.map(({ message }) => message);

test.each<[string, unknown, unknown]>([
  ['a map', { A: '1', B: 2, C: true, D: null }, { A: '1', B: '2', C: 'true' }],
  ['a list', [{ name: 'A', value: 1 }, { name: 'B' }], { A: '1', B: '' }],
  [
    'keys of Secrets, either way',
    [{ name: 'A', valueFrom: FROM_SECRET }],
    { A: { valueFrom: FROM_SECRET } },
  ],
  [
    'a key of a Secret in a map',
    { A: { valueFrom: FROM_SECRET } },
    { A: { valueFrom: FROM_SECRET } },
  ],
])('%s', (_, given, variables) => {
  expect(trainerVariables.parse(given)).toEqual(variables);
});

test('a variable has a value or a key of a Secret', () => {
  const name = 'N'.repeat(100);
  expect(problemsOf([{ name, value: '1', valueFrom: FROM_SECRET }])).toEqual([
    `must give ${'N'.repeat(80)} a value or a valueFrom, not both`,
  ]);
});

test('a variable holds no NUL', () => {
  expect(problemsOf({ ['N'.repeat(100)]: 'a\0b' })).toEqual([
    `must give ${'N'.repeat(80)} a value without NUL characters, which no variable can hold`,
  ]);
});

test('a variable is named once', () => {
  const twice = [{ name: 'A' }, { name: 'A', value: 'x' }];
  expect(problemsOf(twice)).toEqual(['must not name a variable twice']);
});

test('there are at most a thousand', () => {
  const variables = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`V${index}`, '1']));
  expect(problemsOf(variables(1000))).toBeUndefined();
  expect(problemsOf(variables(1001))).toEqual(['must hold at most 1000 variables']);
});
