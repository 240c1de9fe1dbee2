import type { JobMetrics, MetricSeries } from '../../jobs/job-metrics.ts';
import { MOCK_STEPS, type MockRun, toLoss, toShare } from './mock-timeline.ts';

/** Evaluated so often, and at the end. */
const EVALUATION_STEPS = 20;
const WARMUP_STEPS = 20;
const LEARNING_RATE = 5e-5;

/** What a training such as the simulated one would have measured by `nowMs`, the same each time. Pure. */
export function measureMockRun(run: MockRun, nowMs: number): JobMetrics {
  const { durationMs, done } = toShare(run, nowMs);
  const isBegun = nowMs >= run.startsAtMs;
  const steps = Array.from(
    { length: isBegun ? Math.floor(done * MOCK_STEPS) : 0 },
    (_, at) => at + 1,
  );
  const timeOf = (step: number) => (run.startsAtMs + (step / MOCK_STEPS) * durationMs) / 1000;
  const toSeries = (every: number, measure: (step: number) => number): MetricSeries => {
    const measured = steps.filter((step) => step % every === 0);
    return { step: measured, time: measured.map(timeOf), value: measured.map(measure) };
  };
  const series = {
    loss: toSeries(1, (step) => toLoss(step / MOCK_STEPS)),
    eval_loss: toSeries(EVALUATION_STEPS, (step) => round(toLoss(step / MOCK_STEPS) * 1.08)),
    learning_rate: toSeries(1, (step) => {
      const warmup = Math.min(1, step / WARMUP_STEPS);
      return warmup * LEARNING_RATE * (1 - Math.max(0, step - WARMUP_STEPS) / MOCK_STEPS);
    }),
    // No two steps are alike.
    grad_norm: toSeries(1, (step) =>
      round(toLoss(step / MOCK_STEPS) * (1 + 0.2 * Math.sin(7 * step))),
    ),
  };
  return {
    attempt: 1,
    maxSteps: MOCK_STEPS,
    series: new Map(Object.entries(series).filter(([, { step }]) => step.length > 0)),
    nonFinite: new Map(),
    isReduced: false,
  };
}

function round(value: number): number {
  return Number(value.toFixed(4));
}
