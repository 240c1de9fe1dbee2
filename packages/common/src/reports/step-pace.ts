import type { Report } from '../requests/report.ts';

/** Of so many reports that told of further steps the durations are known. */
const MAX_DURATIONS = 50;
const STEPS_OF_A_STALL = 10;
/** Evaluating, saving and the first step, in which kernels are chosen, take so much longer than a step. */
const SLOW_FACTOR = 6;

/** How fast a training goes from step to step, by its reports. Times are monotonic. */
export class StepPace {
  #phase: Report['phase'];
  #step = 0;
  #movedAtMs: number;
  #durations: number[] = [];

  constructor(nowMs: number) {
    this.#movedAtMs = nowMs;
  }

  note({ phase, step }: Pick<Report, 'phase' | 'step'>, nowMs: number): void {
    if (phase !== undefined && phase !== null && phase !== this.#phase) {
      this.#phase = phase;
      this.#movedAtMs = nowMs;
    }
    const steps = (step ?? 0) - this.#step;
    if (steps <= 0) return;
    // The first has nothing before it that took its time.
    if (this.#step > 0) {
      const duration = (nowMs - this.#movedAtMs) / steps;
      this.#durations = [...this.#durations, duration].slice(-MAX_DURATIONS);
    }
    this.#step += steps;
    this.#movedAtMs = nowMs;
  }

  /** Forgets how long it has stood still. */
  restart(nowMs: number): void {
    this.#movedAtMs = nowMs;
  }

  /** When it last moved. */
  get movedAtMs(): number {
    return this.#movedAtMs;
  }

  stillForMs(nowMs: number): number {
    return nowMs - this.#movedAtMs;
  }

  /** Ten of its median steps; of two, the faster, since one of them may have been a stall. */
  get usualMs(): number {
    const sorted = this.#durations.toSorted((a, b) => a - b);
    return STEPS_OF_A_STALL * (sorted[Math.floor((sorted.length - 1) / 2)] ?? 0);
  }

  /** For how long it may stand still; files may take any time to come and go. */
  limitMs(leastMs: number): number {
    const phase = this.#phase ?? 'training';
    if (phase === 'downloading' || phase === 'uploading') return Number.POSITIVE_INFINITY;
    const isStepping = phase === 'training' && this.#step > 0;
    return Math.max(leastMs * (isStepping ? 1 : SLOW_FACTOR), this.usualMs);
  }
}
