import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_NAME_LENGTH, toJobIdHash, toJobName } from './job-name.ts';

const RFC_1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const jobId = fc.stringMatching(/^[A-Za-z0-9._:-]{1,128}$/);
const backend = fc.constantFrom('nemo', 'meta', 'hf-unsloth', 'my-backend', '4ward');

describe('the name of a TrainJob', () => {
  test('is an RFC 1035 label of at most 33 characters, the same every time', () => {
    fc.assert(
      fc.property(backend, jobId, (name, id) => {
        const trainJob = toJobName(name, id);
        expect(trainJob).toMatch(RFC_1035);
        expect(trainJob.length).toBeLessThanOrEqual(MAX_NAME_LENGTH);
        expect(trainJob).toBe(toJobName(name, id));
        expect(trainJob.endsWith(toJobIdHash(name, id))).toBe(true);
      }),
    );
  });

  test('differs for ids that differ', () => {
    const ids = fc.uniqueArray(jobId, { minLength: 2, maxLength: 50 });
    fc.assert(
      fc.property(ids, (all) => {
        expect(new Set(all.map((id) => toJobName('nemo', id))).size).toBe(all.length);
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
        expect(toJobName('nemo', other)).not.toBe(toJobName('nemo', id));
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
    expect(toJobName('meta', left)).not.toBe(toJobName('meta', right));
  });

  test('differs for backends, also where the border between name and id moves', () => {
    expect(toJobName('nemo', 'a')).not.toBe(toJobName('meta', 'a'));
    expect(toJobName('hf', 'unsloth-a')).not.toBe(toJobName('hf-unsloth', 'a'));
  });

  test('starts with backend and id, for people', () => {
    expect(toJobName('nemo', 'Fraud_7')).toMatch(/^nemo-fraud-7-[a-z2-7]{20}$/);
  });

  test('never changes, since running jobs are found by it', () => {
    expect(toJobName('nemo', 'unique-train-id')).toMatchInlineSnapshot(
      `"nemo-unique-crolhszfioh6kyikdugx"`,
    );
  });
});
