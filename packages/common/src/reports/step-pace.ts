import type { Report } from '../requests/report.ts';

/** Of so many reports that told of further steps the durations are known. */
const MAX_DURATIONS = 50;
const STEPS_OF_A_STALL = 10;
/** Evaluating, saving and the first step, in which kernels are chosen, take so much longer than a step. */
const SLOW_FACTOR = 6;

/** How fast a training goes from step to step, by its reports. Times are monotonic. */
export class StepPace {
  #phase: Report['phase'];
  /** Undefined until it is told, of a training that was under way before. */
  #step: number | undefined;
  #movedAtMs: number;
  #hasMoved = false;
  #durations: number[] = [];

  /** `known` is of a training that was under way before anything of it was told here. */
  constructor(nowMs: number, known?: { readonly phase: Report['phase'] }) {
    this.#movedAtMs = nowMs;
    this.#phase = known?.phase;
    this.#step = known === undefined ? 0 : undefined;
  }

  note({ phase, step }: Pick<Report, 'phase' | 'step'>, nowMs: number): void {
    if (phase !== undefined && phase !== null && phase !== this.#phase) {
      this.#phase = phase;
      this.#move(nowMs);
    }
    if (this.#step === undefined) {
      if (step === undefined || step === null) return;
      // Where it stands is no move, and since when it stands there is not known.
      this.#step = step;
      this.#movedAtMs = nowMs;
      return;
    }
    const steps = (step ?? 0) - this.#step;
    if (steps <= 0) return;
    // The first has nothing before it that took its time.
    if (this.#step > 0) {
      const duration = (nowMs - this.#movedAtMs) / steps;
      this.#durations = [...this.#durations, duration].slice(-MAX_DURATIONS);
    }
    this.#step += steps;
    this.#move(nowMs);
  }

  /** Forgets how long it has stood still. */
  restart(nowMs: number): void {
    this.#movedAtMs = nowMs;
    this.#hasMoved = false;
  }

  /** Whether it was told to go on since it is watched, or watched anew. */
  get hasMoved(): boolean {
    return this.#hasMoved;
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
    const isStepping = phase === 'training' && (this.#step ?? 0) > 0;
    return Math.max(leastMs * (isStepping ? 1 : SLOW_FACTOR), this.usualMs);
  }

  #move(nowMs: number): void {
    this.#movedAtMs = nowMs;
    this.#hasMoved = true;
  }
}
