import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseTerminationLine } from './termination-line.ts';

const url = new URL('../../../../runtime/settings.json', import.meta.url);
const codes = Object.keys(JSON.parse(readFileSync(url, 'utf8')).reasons);

describe('the last line of our own runtime', () => {
  test.each(codes.filter((code) => code !== 'INTERNAL'))('%s is a reason of its own', (code) => {
    const line = `${code}: rows.jsonl, line 3: messages is empty.\n`;
    const sentence = 'rows.jsonl, line 3: messages is empty.';
    expect(parseTerminationLine(line)).toEqual({ reason: code, sentence });
  });

  test('INTERNAL is a training that failed', () => {
    expect(parseTerminationLine('INTERNAL: It broke.')).toEqual({
      reason: 'TRAINING_FAILED',
      sentence: 'It broke.',
    });
  });

  test.each(['', 'OUT_OF_CHEESE: no', 'Killed', 'COMPLETED: no code of the runtime', 'STOPPED:'])(
    'what another program wrote is none: %j',
    (line) => {
      expect(parseTerminationLine(line)).toBeUndefined();
    },
  );
});
