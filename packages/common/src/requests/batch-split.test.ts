import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Changes, makeBody, parseValid } from '../../test/builders.ts';
import { countRowsOfStep, describeBatch } from './batch-split.ts';

interface Example {
  readonly batch_size: number;
  readonly micro_batch_size: number | null;
  readonly gradient_accumulation: number | null;
  readonly processes: number;
  readonly rows: number;
}

const url = new URL('../../../../runtime/settings.json', import.meta.url);
const examples: readonly Example[] = JSON.parse(readFileSync(url, 'utf8')).batch.examples;

test('there are examples of the runtime', () => expect(examples.length).toBeGreaterThan(10));

test.each(examples)('the rows of a step are those of the runtime: %j', (example) => {
  const rows = countRowsOfStep({
    batchSize: example.batch_size,
    microBatchSize: example.micro_batch_size ?? undefined,
    gradientAccumulation: example.gradient_accumulation ?? undefined,
    processes: example.processes,
  });
  expect(rows).toBe(example.rows);
});

const describe = (changes: Changes, variables = {}) =>
  describeBatch(parseValid(makeBody(changes)), variables);

test.each<[Changes, string]>([
  [
    { 'resources.gpus': 3 },
    'batch_size 32 cannot be split over 3 processes as asked, so our own runtime takes 30 rows a step',
  ],
  [{ 'tuning_parameters.batch_size': 2, 'resources.gpus': 4 }, 'takes 4 rows a step'],
  [{ 'resources.gpus': 8, 'extra_parameters.num_proc_per_node': 5 }, 'over 5 processes'],
  [{ 'resources.gpus': 6, 'extra_parameters.num_nodes': 2 }, 'over 6 processes'],
  [
    { 'tuning_parameters.micro_batch_size': 5 },
    'over 1 process as asked, so our own runtime takes 30',
  ],
])('a batch that does not divide is told: %j', (changes, words) => {
  expect(describe(changes)).toEqual([expect.stringContaining(words)]);
});

test.each<Changes>([
  {},
  { 'resources.gpus': 4 },
  { 'resources.gpus': 0 },
  { 'tuning_parameters.batch_size': 30, 'resources.gpus': 3 },
])('one that divides is not: %j', (changes) => {
  expect(describe(changes)).toEqual([]);
});

test('options of Unsloth decide where they are given', () => {
  const variables = { UNSLOTH_OPTIONS_JSON: JSON.stringify({ gradient_accumulation: 3 }) };
  expect(describe({}, variables)).toEqual([expect.stringContaining('takes 30 rows a step')]);
});
