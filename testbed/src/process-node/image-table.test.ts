import { expect, test } from 'vitest';
import { toCommandLine } from './image-table.ts';

const image = { entrypoint: ['enter'], command: ['do', 'this'] };

// The table of "Define a Command and Arguments for a Container".
test.each([
  ['neither', {}, ['enter', 'do', 'this']],
  ['a command', { command: ['own'] }, ['own']],
  ['arguments', { args: ['that'] }, ['enter', 'that']],
  ['both', { command: ['own'], args: ['that'] }, ['own', 'that']],
])('a container with %s', (_, own, expected) => {
  expect(toCommandLine(image, own)).toEqual(expected);
});
