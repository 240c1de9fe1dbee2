import { expect, test } from 'vitest';
import { MAX_COMPACT_BYTES, readVerdict, toResult } from './result.ts';

const mask = (text: string) => text.replaceAll('hf_secret', '[redacted]');
const bytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value));
const SAID = {
  model_uri: 's3://elsewhere/model',
  method: 'lora',
  engine: 'trl',
  rows: 100,
  eval_loss: 0.4,
  files: { 'model/adapter.safetensors': 12 },
  comparison: {
    rows: 8,
    base_loss: 2,
    tuned_loss: 1,
    verdict: [],
    prompts: [{ prompt: 'Say hf_secret', base: 'a', tuned: 'b' }],
  },
};

test('the model is where the service knows it to be, and every text is masked', () => {
  const { compact, whole } = toResult(SAID, mask, 's3://b/out/job-1/model');
  expect(whole).toEqual({
    ...SAID,
    model_uri: 's3://b/out/job-1/model',
    comparison: {
      ...SAID.comparison,
      prompts: [{ prompt: 'Say [redacted]', base: 'a', tuned: 'b' }],
    },
  });
  expect(compact).toEqual({
    model_uri: 's3://b/out/job-1/model',
    method: 'lora',
    engine: 'trl',
    rows: 100,
    eval_loss: 0.4,
    comparison: { rows: 8, base_loss: 2, tuned_loss: 1, verdict: [] },
  });
  expect(toResult({ hf_secret: { hf_secret: 1 } }, mask, undefined).whole).toEqual({
    '[redacted]': { '[redacted]': 1 },
  });
});

test('neither form is larger than it may be', () => {
  const long = 'é'.repeat(3000);
  const prompts = Array.from({ length: 8 }, () => ({ prompt: long, base: long, tuned: long }));
  const huge = { ...SAID, comparison: { ...SAID.comparison, verdict: [long], prompts } };
  const { compact, whole } = toResult(huge, mask, 's3://b/model');
  expect(bytes(whole)).toBeLessThanOrEqual(16 * 1024);
  expect(whole).toMatchObject({ rows: 100, files: SAID.files, comparison: { tuned_loss: 1 } });
  expect(bytes(compact)).toBeLessThanOrEqual(MAX_COMPACT_BYTES);
  expect(compact).toEqual({
    model_uri: 's3://b/model',
    method: 'lora',
    engine: 'trl',
    rows: 100,
    eval_loss: 0.4,
  });
  const files = Object.fromEntries(Array.from({ length: 900 }, (_, n) => [`model/${n}.bin`, n]));
  expect(toResult({ ...SAID, files }, mask, 's3://b/model').whole).not.toHaveProperty('files');
  const deep = Array.from({ length: 5000 }).reduce<object>((inner) => ({ inner }), {});
  expect(bytes(toResult({ deep }, mask, undefined).whole)).toBeLessThan(200);
});

test('the verdict is the sentences of its comparison', () => {
  expect(readVerdict({ comparison: { verdict: ['It is worse.', 7, 'It rambles.'] } })).toBe(
    'It is worse. It rambles.',
  );
  for (const odd of [{}, { comparison: null }, { comparison: 'x' }, { comparison: {} }]) {
    expect(readVerdict(odd)).toBe('');
  }
});
