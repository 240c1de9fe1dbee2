import { afterEach, expect, test, vi } from 'vitest';
import { makeBody } from '../../test/builders.ts';
import { parseTrainingRequest, REQUEST_FORMAT } from './parse-training-request.ts';
import { refuseSecretNames } from './secret-names.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** How often a text was looked for or looked up while the names of a body were examined. */
function countWork(names: number, variables: number, nameOf: (index: number) => string): number {
  const list = (count: number, toEntry: (index: number) => [string, unknown]) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => toEntry(index)));
  const parsed = parseTrainingRequest(
    makeBody({
      tuning_parameters: list(names, (index) => [nameOf(index), 1]),
      'extra_parameters.trainer_env': list(variables, (index) => [
        `X${index}_TOKEN`,
        `a1B2c3D4e5F6g7H8-${'x'.repeat(index % 60)}${index}`,
      ]),
    }),
  );
  const spies = [
    vi.spyOn(Set.prototype, 'has'),
    vi.spyOn(String.prototype, 'includes'),
    vi.spyOn(String.prototype, 'startsWith'),
    vi.spyOn(String.prototype, 'indexOf'),
  ];
  const found = refuseSecretNames(parsed, REQUEST_FORMAT, parsed.violations);
  const work = spies.reduce((sum, { mock }) => sum + mock.calls.length, 0);
  vi.restoreAllMocks();
  expect(found).toBeUndefined();
  return work;
}

/** At every character four lengths are looked up, and each variable is judged by its own name. */
const boundOf = (characters: number, variables: number) => 4 * characters + 4 * variables;

test.each([
  ['accepted', 500],
  ['refused for the number of its variables', 4_000],
])(
  'the work on a body that is %s grows with names and variables, not with both at once',
  (_, variables) => {
    const nameOf = (index: number) => `a1B2c3D4e5F6g7H-names-${index}`;
    expect(countWork(400, variables, nameOf)).toBeLessThan(boundOf(400 * 25, variables));
  },
);

test('the work on one very long name grows with its length', () => {
  const name = 'a1B2c3D4e5F6g7H-'.repeat(6_000);
  expect(countWork(1, 4_000, () => name)).toBeLessThan(boundOf(name.length, 4_000));
});
