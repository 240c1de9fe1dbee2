import { expect, test } from 'vitest';
import { makeConfig, specify } from '../../../../test/builders.ts';
import { ALL_CAPABILITIES } from './manifest.ts';
import { planTrainJob, trainJobPlanCodec } from './plan.ts';

const prepared = planTrainJob(specify().spec, makeConfig(), ALL_CAPABILITIES);
// As it comes back from a store.
const { plan, echo } = JSON.parse(JSON.stringify(prepared));

test('a plan comes back from the texts of a record', () => {
  const texts = trainJobPlanCodec.encode({ plan, echo });
  expect(Object.keys(texts)).toEqual(['.train-job.json', '.job-spec.json']);
  expect(trainJobPlanCodec.decode((key) => texts[key])).toEqual({ plan, echo });
});

test('a record of version 03f9e5d, which keeps the manifest alone, can be read', () => {
  const texts: Record<string, string> = { '.train-job.json': JSON.stringify(plan.manifest) };
  const decoded = trainJobPlanCodec.decode((key) => texts[key]);
  expect(decoded).toEqual({ plan: { manifest: plan.manifest }, echo });
});

test('the manifest stands where version 03f9e5d reads it', () => {
  const texts = trainJobPlanCodec.encode({ plan, echo });
  expect(JSON.parse(texts['.train-job.json'] ?? '')).toEqual(plan.manifest);
});
