import { expect, test } from 'vitest';
import { mergeReported, NOTHING_REPORTED, type Reported } from './reported.ts';

const at = (step: number) => ({ step, uri: `s3://b/o/job/${step}`, savedAtMs: step });
const reported = (rest: Partial<Reported> = {}): Reported => ({ ...NOTHING_REPORTED, ...rest });

test('news are added, and without news nothing changes', () => {
  const first = mergeReported(undefined, reported({ phase: 'training', warnings: ['a'] }), false);
  expect(first).toEqual(reported({ phase: 'training', warnings: ['a'] }));
  const second = mergeReported(first, reported({ checkpoints: [at(1)], warnings: ['b'] }), false);
  expect(second).toEqual(
    reported({ phase: 'training', warnings: ['a', 'b'], checkpoints: [at(1)] }),
  );
  expect(mergeReported(second, reported({ warnings: ['a'] }), false)).toBe(second);
  expect(mergeReported(undefined, reported(), false)).toBeUndefined();
});

test('the two checkpoints of the latest steps are kept, in whichever order they come', () => {
  const known = reported({ checkpoints: [at(10), at(20)] });
  expect(mergeReported(known, reported({ checkpoints: [at(30), at(5)] }), false)).toEqual(
    reported({ checkpoints: [at(20), at(30)] }),
  );
});

test('a later attempt begins anew but for the checkpoints, an earlier one changes nothing', () => {
  const known = reported({ phase: 'saving', warnings: ['a'], checkpoints: [at(1)] });
  const later = mergeReported(known, reported({ attempt: 2, phase: 'downloading' }), false);
  expect(later).toEqual(reported({ attempt: 2, phase: 'downloading', checkpoints: [at(1)] }));
  expect(mergeReported(later, reported({ attempt: 1, phase: 'training' }), false)).toBe(later);
});

test('of an ended job only checkpoints are taken', () => {
  const known = reported({ phase: 'saving' });
  const news = reported({ attempt: 2, phase: 'uploading', warnings: ['x'], checkpoints: [at(7)] });
  expect(mergeReported(known, news, true)).toEqual(
    reported({ phase: 'saving', checkpoints: [at(7)] }),
  );
});
