import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { parsePrivateJson } from './private-json.ts';

test('parses as JSON.parse does', () => {
  expect(parsePrivateJson('{"a":[1,null]}', 'it')).toEqual({ a: [1, null] });
});

test.each(['', 'hf_secret', '{"HF_TOKEN":"hf_secret"', '{"HF_TOKEN":hf_secret}'])(
  'repeats nothing of %j, in message, stack and cause',
  (text) => {
    const fault = (() => {
      try {
        return parsePrivateJson(text, 'a row of records');
      } catch (error) {
        return error;
      }
    })();
    expect(fault).toMatchObject({ name: 'SyntaxError', message: 'a row of records is not JSON' });
    expect(inspect(fault)).not.toContain('hf_secret');
  },
);
