import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_NAME_LENGTH, toJobIdHash, toTrainJobName } from './job-name.ts';

const RFC_1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const jobId = fc.stringMatching(/^[A-Za-z0-9._:-]{1,128}$/);
const backend = fc.constantFrom('nemo', 'meta', 'hf-unsloth', 'my-backend', '4ward');

describe('the name of a TrainJob', () => {
  test('is an RFC 1035 label of at most 33 characters, the same every time', () => {
    fc.assert(
      fc.property(backend, jobId, (name, id) => {
        const trainJob = toTrainJobName(name, id);
        expect(trainJob).toMatch(RFC_1035);
        expect(trainJob.length).toBeLessThanOrEqual(MAX_NAME_LENGTH);
        expect(trainJob).toBe(toTrainJobName(name, id));
        expect(trainJob.endsWith(toJobIdHash(name, id))).toBe(true);
      }),
    );
  });

  test('differs for ids that differ', () => {
    const ids = fc.uniqueArray(jobId, { minLength: 2, maxLength: 50 });
    fc.assert(
      fc.property(ids, (all) => {
        expect(new Set(all.map((id) => toTrainJobName('nemo', id))).size).toBe(all.length);
      }),
    );
  });

  test('differs for ids that differ in case or punctuation only', () => {
    const respell = (id: string, seed: number) =>
      [...id]
        .map((letter, index) => {
          if (((seed >> (index % 30)) & 1) === 0) return letter;
          if (/[._:-]/.test(letter)) return '._:-'[(seed + index) % 4];
          return letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
        })
        .join('');
    fc.assert(
      fc.property(jobId, fc.nat(), (id, seed) => {
        const other = respell(id, seed);
        fc.pre(other !== id);
        expect(toTrainJobName('nemo', other)).not.toBe(toTrainJobName('nemo', id));
      }),
    );
  });

  test.each([
    ['Job-1', 'job-1'],
    ['a.b', 'a-b'],
    ['a_b', 'a:b'],
    ['a', 'a-'],
    ['a', '-a'],
    ['...', '.'],
    [`${'a'.repeat(127)}b`, `${'a'.repeat(127)}c`],
    ['6925ccd9-5890-4b1e-8631-d2c000000000', '6925ccd9-5890-4b1e-8631-d2c000000001'],
  ])('differs for %s and %s', (left, right) => {
    expect(toTrainJobName('meta', left)).not.toBe(toTrainJobName('meta', right));
  });

  test('differs for backends, also where the border between name and id moves', () => {
    expect(toTrainJobName('nemo', 'a')).not.toBe(toTrainJobName('meta', 'a'));
    expect(toTrainJobName('hf', 'unsloth-a')).not.toBe(toTrainJobName('hf-unsloth', 'a'));
  });

  test('starts with backend and id, for people', () => {
    expect(toTrainJobName('nemo', 'Fraud_7')).toMatch(/^nemo-fraud-7-[a-z2-7]{20}$/);
  });

  test('never changes, since running jobs are found by it', () => {
    expect(toTrainJobName('nemo', 'unique-train-id')).toMatchInlineSnapshot(
      `"nemo-unique-crolhszfioh6kyikdugx"`,
    );
  });
});
