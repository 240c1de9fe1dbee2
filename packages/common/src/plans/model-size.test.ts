import { expect, test } from 'vitest';
import { readModelSize } from './model-size.ts';

test.each([
  ['meta-llama/Llama-2-7b', 7e9],
  ['Qwen/Qwen2.5-0.5B-Instruct', 0.5e9],
  ['mistralai/Mixtral-8x7B-v0.1', 56e9],
  ['Qwen/Qwen3-30B-A3B', 30e9],
  ['bigscience/bloom-1b7', 1.7e9],
  ['stabilityai/stablelm-2-1_6b', 1.6e9],
  ['HuggingFaceTB/SmolLM2-135M', 135e6],
  ['unsloth/llama-3-8b-bnb-4bit', 8e9],
])('%s', (name, parameters) => {
  expect(readModelSize([name])?.parameters).toBe(parameters);
});

test.each(['org/my-model', 'gpt2', 'x-4bit', 'microsoft/Phi-3-mini-4k-instruct', ''])(
  '%s says nothing',
  (name) => {
    expect(readModelSize([name, undefined])).toBeUndefined();
  },
);
