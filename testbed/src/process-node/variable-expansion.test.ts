import { expect, test } from 'vitest';
import { expandVariables } from './variable-expansion.ts';

// The cases are those that the Pod reference describes of `env`, `command` and `args`.
test.each([
  ['$(A)', 'one'],
  ['x$(A)y$(B)z', 'xoneytwoz'],
  ['$(NOWHERE)', '$(NOWHERE)'],
  ['$$(A)', '$(A)'],
  ['$$$(A)', '$one'],
  ['$$', '$'],
  ['$A $', '$A $'],
  ['$(toString)', '$(toString)'],
  ['$(A', '$(A'],
])('%s becomes %s', (text, expected) => {
  expect(expandVariables(text, { A: 'one', B: 'two' })).toBe(expected);
});
