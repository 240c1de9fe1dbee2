import { expect, it } from 'vitest';
import { CHANGES_EXAMPLE, parseChanges } from './rerun-changes.ts';

it('reads a JSON object, and its own example', () => {
  expect(parseChanges(' {"resources": {"gpus": 2}, "callbacks": null}\n')).toEqual({
    changes: { resources: { gpus: 2 }, callbacks: null },
  });
  expect(parseChanges(CHANGES_EXAMPLE)).toEqual({
    changes: { tuning_parameters: { learning_rate: 0.0001 } },
  });
});

it.each(['', '  \n\t'])('takes %j for no changes', (text) => {
  expect(parseChanges(text)).toEqual({ changes: undefined });
});

it.each(['{', '[]', '[{}]', 'null', '3', '"{}"', '{gpus: 2}', '{"gpus": 2,}', '{} {}'])(
  'refuses %j',
  (text) => {
    const message = `The changes must be a JSON object, such as ${CHANGES_EXAMPLE}.`;
    expect(parseChanges(text)).toEqual({ violation: { path: 'changes', message } });
  },
);
