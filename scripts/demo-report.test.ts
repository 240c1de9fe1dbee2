import type { TrainingResponse } from '@trainer/common';
import { expect, test } from 'vitest';
import { describeComparison, describeLoading, describeProgress } from './demo-report.mjs';

type Progress = TrainingResponse['progress'];
const running = (progress: Progress) =>
  ({ status: 'running', detail: 'Training is on', progress }) as const;

test('progress is a line with a bar, once there is any', () => {
  const nothing = { percentage: null, estimated_remaining_seconds: null, metrics: {} };
  expect(describeProgress({ status: 'submitted', detail: 'Waiting', progress: null })).toBe(
    'submitted: Waiting',
  );
  expect(describeProgress(running(nothing))).toBe('running: Training is on');
  expect(
    describeProgress(
      running({ percentage: 50.9, estimated_remaining_seconds: 8.2, metrics: { loss: 1.234 } }),
    ),
  ).toBe('[###############---------------] 50 %  loss 1.23  9 s left');
  expect(
    describeProgress(running({ percentage: 100, estimated_remaining_seconds: 0, metrics: {} })),
  ).toBe('[##############################] 100 %  comparing it with its base model, and saving');
});

test('base and tuned model stand side by side, by loss and by one answer', () => {
  const text = describeComparison({
    ...{ rows: 48, rows_kind: 'trained', base_loss: 6.4512, tuned_loss: 0.2149 },
    verdict: ['The tuned model did not end 1 of 3 answers by itself.'],
    prompts: [
      {
        prompt: '<|im_start|>user\nWhere is the river?<|im_end|>\n<|im_start|>assistant\n',
        base: `${'x'.repeat(100)}\u001B[31m`,
        tuned: 'The river is in town.<|im_end|>\n',
      },
    ],
  });
  expect(text.split('\n')).toEqual([
    '                     base      tuned',
    'loss on 48 rows      6.45      0.21   (trained rows)',
    'asked                Where is the river?',
    `base answers         ${'x'.repeat(69)}…`,
    'tuned answers        The river is in town.',
    'The tuned model did not end 1 of 3 answers by itself.',
  ]);
});

test('three lines load the adapter', () => {
  const [where, , ...lines] = describeLoading('/env/python', '/m', '/a "b"').split('\n');
  expect(where).toBe('The adapter lies in /a "b". Load it in /env/python:');
  expect(lines).toEqual([
    'from peft import PeftModel',
    'from transformers import AutoModelForCausalLM',
    'model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("/m"), "/a \\"b\\"")',
  ]);
});
