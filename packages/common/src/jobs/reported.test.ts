import { expect, test } from 'vitest';
import {
  compareRuns,
  mergeReported,
  NOTHING_REPORTED,
  numberRun,
  type Reported,
} from './reported.ts';

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

test('runs of one count are told apart by their start, and numbered as they are heard of', () => {
  const known = reported({ runStartedAt: 100, phase: 'saving', checkpoints: [at(1)] });
  const again = mergeReported(known, reported({ runStartedAt: 160, phase: 'training' }), false);
  const second = { attempt: 2, counted: 1, runStartedAt: 160 };
  expect(again).toEqual(reported({ ...second, phase: 'training', checkpoints: [at(1)] }));
  expect(mergeReported(again, reported({ runStartedAt: 100, warnings: ['x'] }), false)).toBe(again);
  expect(mergeReported(again, reported({ runStartedAt: 160 }), false)).toBe(again);
  const third = mergeReported(again, reported({ attempt: 2, runStartedAt: 200 }), false);
  expect(third).toMatchObject({ attempt: 3, counted: 2, runStartedAt: 200 });
  expect(numberRun({ attempt: 7 }, third as Reported)).toEqual({ attempt: 7 });
});

test('a run that does not say when it began is told by its count alone', () => {
  const known = { attempt: 2, runStartedAt: 100 };
  expect(compareRuns({ attempt: 2 }, known)).toBe(0);
  expect(compareRuns(known, { attempt: 2 })).toBe(0);
  expect(numberRun({ attempt: 2 }, known)).toEqual(known);
  expect(compareRuns({ attempt: 1, runStartedAt: 900 }, known)).toBeLessThan(0);
});

test('of an ended job only checkpoints are taken', () => {
  const known = reported({ phase: 'saving' });
  const news = reported({ attempt: 2, phase: 'uploading', warnings: ['x'], checkpoints: [at(7)] });
  expect(mergeReported(known, news, true)).toEqual(
    reported({ phase: 'saving', checkpoints: [at(7)] }),
  );
});
