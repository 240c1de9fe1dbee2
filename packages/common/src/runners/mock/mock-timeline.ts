import { toAcceptedState } from '../../jobs/job.ts';
import type { Observation } from '../../jobs/observation.ts';
import type { MockScript } from '../../requests/extra-parameters.ts';
import type { Progress } from '../../requests/training-response.ts';

/** One simulated run, whole: what it shows at any time follows from it. */
export interface MockRun {
  readonly runId: string;
  readonly recordUid: string;
  readonly createdAtMs: number;
  readonly startsAtMs: number;
  /** Infinity for a run that never ends. */
  readonly endsAtMs: number;
  readonly outcome: MockScript['outcome'];
  readonly reason: string | undefined;
}

/** Of each simulated training, in its log and in what it measures. */
export const MOCK_STEPS = 200;

/** The run as it looks at `nowMs`. Pure. */
export function observeMockRun(run: MockRun, nowMs: number): Observation {
  const base = {
    exists: true,
    runId: run.runId,
    recordUid: run.recordUid,
    isStopping: false,
  } as const;
  if (nowMs < run.startsAtMs) {
    return {
      ...base,
      ...toAcceptedState(run.createdAtMs),
      progress: undefined,
    };
  }
  const startedAtMs = run.startsAtMs;
  if (nowMs < run.endsAtMs) {
    return {
      ...base,
      status: 'running',
      reason: 'RUNNING',
      detail: 'Training is running (simulated)',
      startedAtMs,
      endedAtMs: undefined,
      progress: toProgress(run, nowMs),
    };
  }
  const hasFailed = run.outcome === 'failed';
  return {
    ...base,
    status: hasFailed ? 'failed' : 'succeeded',
    reason: hasFailed ? 'TRAINING_FAILED' : 'COMPLETED',
    detail: hasFailed
      ? (run.reason ?? 'Training failed (simulated)')
      : (run.reason ?? 'Training completed (simulated)'),
    startedAtMs,
    endedAtMs: run.endsAtMs,
    progress: toProgress(run, run.endsAtMs),
  };
}

/** When the run will look different next, other than in progress; undefined when never. */
export function nextMockChange(run: MockRun, nowMs: number): number | undefined {
  if (nowMs < run.startsAtMs) return run.startsAtMs;
  return nowMs < run.endsAtMs && Number.isFinite(run.endsAtMs) ? run.endsAtMs : undefined;
}

/** The loss after a share of the training, which is what progress shows. */
export function toLoss(share: number): number {
  return Number((0.4 + 2.1 * Math.exp(-4 * share)).toFixed(4));
}

/** When a run began, how long it takes, and which share of it is done at `nowMs`. Pure. */
export function toShare(
  { startsAtMs, endsAtMs, outcome }: MockRun,
  nowMs: number,
): { readonly durationMs: number; readonly elapsedMs: number; readonly done: number } {
  const isEndless = !Number.isFinite(endsAtMs);
  const durationMs = isEndless ? ENDLESS_MS : endsAtMs - startsAtMs;
  const elapsedMs = Math.min(nowMs, endsAtMs) - startsAtMs;
  const share = durationMs === 0 ? 1 : Math.min(1, elapsedMs / durationMs);
  const done = isEndless || outcome === 'failed' ? Math.min(0.99, share) : share;
  return { durationMs, elapsedMs, done };
}

/** A run without end is shown as one of an hour that stays just short of it. */
const ENDLESS_MS = 3_600_000;

function toProgress(run: MockRun, nowMs: number): Progress {
  const isEndless = !Number.isFinite(run.endsAtMs);
  const { durationMs, elapsedMs, done } = toShare(run, nowMs);
  return {
    percentage: Math.floor(done * 100),
    estimated_remaining_seconds: isEndless
      ? null
      : Math.max(0, Math.round((durationMs - elapsedMs) / 1000)),
    metrics: { loss: toLoss(done) },
  };
}
