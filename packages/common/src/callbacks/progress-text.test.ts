import { expect, it } from 'vitest';
import { toProgressText } from './progress-text.ts';

const NOTHING = { percentage: null, estimated_remaining_seconds: null, metrics: {} };

it.each([
  [undefined, ''],
  [NOTHING, ''],
  [{ ...NOTHING, metrics: { learning_rate: 0.1 } }, ''],
  [{ ...NOTHING, percentage: 0 }, ': 0 %'],
  [{ ...NOTHING, metrics: { loss: 0.123_456, step: 120 } }, ': step 120, loss 0.1235'],
  [
    { percentage: 33.333_333, estimated_remaining_seconds: 59.4, metrics: { loss: 1e-7 } },
    ': 33.33 %, loss 1e-7, 59 s left',
  ],
  [{ ...NOTHING, estimated_remaining_seconds: 60 }, ': 1 min left'],
  [{ ...NOTHING, estimated_remaining_seconds: 3599 }, ': 1 h 0 min left'],
  [{ ...NOTHING, estimated_remaining_seconds: 12_000 }, ': 3 h 20 min left'],
])('%j is told as %j', (progress, text) => {
  expect(toProgressText(progress)).toBe(text);
});
