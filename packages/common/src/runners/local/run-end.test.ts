import { expect, it } from 'vitest';
import { toRunEnd } from './run-end.ts';
import type { RunExit } from './run-folder.ts';

const words = { termination: '', logTail: 'HF_TOKEN=hf_0123\nloss is nan\n', deadlineSeconds: 60 };
const exit = { code: 3, signal: null, cause: undefined } as unknown as RunExit;

it('hands over what the training wrote apart from its own sentence, which anyone may read', () => {
  expect(toRunEnd(exit, words)).toEqual({
    ...{ status: 'failed', reason: 'TRAINING_FAILED' },
    detail: 'The training ended with exit code 3',
    lastWords: words.logTail,
  });
  const termination = 'DATASET_INVALID: line 2 repeats hf_0123';
  expect(toRunEnd(exit, { ...words, termination })).toEqual({
    ...{ status: 'failed', reason: 'DATASET_INVALID' },
    detail: 'The training ended with exit code 3',
    lastWords: 'line 2 repeats hf_0123',
  });
});
