import { expect, it } from 'vitest';
import { writeMockLog } from './mock-log.ts';
import { measureMockRun } from './mock-metrics.ts';

it('tells the steps and the losses that are measured', () => {
  const run = {
    ...{ runId: 'r', recordUid: 'u', createdAtMs: 0, startsAtMs: 1000, endsAtMs: 11_000 },
    ...{ outcome: 'succeeded' as const, reason: undefined },
  };
  const { maxSteps, series } = measureMockRun(run, run.endsAtMs);
  const { step = [], value = [] } = series.get('loss') ?? {};
  const measured = step.map((each, at) => `step ${each} of ${maxSteps}: loss ${value[at]}`);
  const logged = writeMockLog(run, run.endsAtMs).map(({ text }) => text);
  expect(logged.slice(1, -1)).toEqual(measured.filter((_, at) => at % 10 === 9));
  expect(logged.at(-2)).toMatch(/^step 200 of 200: /);
});
