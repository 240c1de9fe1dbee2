import { expect, test } from 'vitest';
import { toJobName } from '../../../jobs/job-name.ts';
import { toTrainJobOfChild } from './child-name.ts';

test.each(['a', 'unique-train-id', '0b7c9a3e-1c55-4a51-9d0e-1f5f3a1c2b3d', '---', 'x'.repeat(128)])(
  'finds the TrainJob of job %s in the names of its Jobs and pods',
  (jobId) => {
    for (const backend of ['nemo', 'meta', 'hf-unsloth']) {
      const name = toJobName(backend, jobId);
      expect(toTrainJobOfChild(`${name}-node-0`)).toBe(name);
      expect(toTrainJobOfChild(`${name}-dataset-initializer-0-0-abcde`)).toBe(name);
      expect(toTrainJobOfChild(`${name}-abcdefghijklmnopqrst-0`)).toBe(name);
    }
  },
);

test.each(['', 'node-0', 'somebody-elses-job-node-0', 'nemo-abcdefghijklmnopqrst'])(
  'finds none in %s',
  (name) => {
    expect(toTrainJobOfChild(name)).toBeUndefined();
  },
);
