import { expect, it } from 'vitest';
import { type Changes, makeBody, parseValid } from '../../test/builders.ts';
import { createSecretTest } from '../requests/credentials.ts';
import { toJobTraits } from './job-traits.ts';

const traitsOf = (changes: Changes) => {
  const request = parseValid(makeBody(changes));
  return toJobTraits(request, createSecretTest(request));
};

it('tells what a list shows of a request, defaults included', () => {
  const { traits, warnings } = traitsOf({
    base_model: { provider: 'meta', model_name: 'org/model' },
    customization: { method: 'qlora' },
    resources: { gpus: 4 },
    extra_parameters: { job_labels: { team: 'x', rank: 7 } },
  });
  expect(traits).toEqual({
    model: 'org/model',
    method: 'qlora',
    provider: 'meta',
    gpus: 4,
    labels: { team: 'x', rank: '7' },
  });
  expect(warnings).toEqual([]);
  expect(traitsOf({}).traits).toMatchObject({ method: 'lora', labels: {} });
});

it('keeps the labels that fit 1 KiB, and warns of the others', () => {
  const job_labels = Object.fromEntries(
    Array.from({ length: 100 }, (_, n) => [`label-${100 + n}`, 'v'.repeat(63)]),
  );
  const { traits, warnings } = traitsOf({ extra_parameters: { job_labels } });
  const kept = Object.keys(traits.labels);
  expect(kept).toEqual(Object.keys(job_labels).slice(0, kept.length));
  expect(Buffer.byteLength(JSON.stringify(traits.labels))).toBeLessThanOrEqual(1024);
  expect(kept.length).toBeGreaterThan(10);
  expect(warnings).toEqual([
    `extra_parameters.job_labels take more than 1 KiB, so that the last ${100 - kept.length} are missing in lists; the TrainJob has all of them`,
  ]);
});

it('shows the beginning of a very long name, and warns of that', () => {
  const base_model = { provider: 'meta', model_name: '日'.repeat(1000) };
  const { traits, warnings } = traitsOf({ base_model });
  expect(traits.model).toMatch(/^日+…$/);
  expect(Buffer.byteLength(JSON.stringify(traits.model))).toBeLessThanOrEqual(256);
  expect(warnings).toHaveLength(1);
});

it.each([
  ['an address with a password', 'https://me:secret-word@host/model', undefined],
  ['a credential of the same request', 'model-hf_secret', 'hf_secret'],
])('shows no name that holds %s', (_, model_name, huggingface_token) => {
  const base_model = { provider: 'meta', model_name, huggingface_token };
  expect(traitsOf({ base_model }).traits.model).toBe('[redacted]');
});
