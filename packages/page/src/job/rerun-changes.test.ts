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

it.each([
  [
    '{"tuning_parameters": {"seed": 9007199254740993}}',
    'a whole number beyond 2^53, which would be rounded',
  ],
  [
    '{"extra_parameters": {"ids": [1, -123456789012345678901234]}}',
    'a whole number beyond 2^53, which would be rounded',
  ],
  ['{"tuning_parameters": {"max": 1e400}}', 'a number beyond 1.8e308, which would become null'],
])('refuses %s, which would be sent as another number', (text, what) => {
  const message = `The changes hold ${what}; write it as a text, in quotes.`;
  expect(parseChanges(text)).toEqual({ violation: { path: 'changes', message } });
});

it.each([
  ['{"a": 9007199254740991, "b": -1.5e-3, "c": 1e30}', { a: 2 ** 53 - 1, b: -0.0015, c: 1e30 }],
  [
    '{"9007199254740993": "9007199254740993 \\" 1e400"}',
    { '9007199254740993': '9007199254740993 " 1e400' },
  ],
])('takes %s as it is', (text, changes) => {
  expect(parseChanges(text)).toEqual({ changes });
});
