import type { JobMetrics } from '../jobs/job-metrics.ts';
import { compareRuns, type Run } from '../jobs/reported.ts';
import type { Report } from '../requests/report.ts';
import type { Progress } from '../requests/training-response.ts';
import { SeriesBuffer } from './series-buffer.ts';

/** Of one job, over its life. */
const MAX_METRICS = 256;
/** A callback holds 8 KiB in all. */
const MAX_SHOWN = 32;
const METRIC_NAME = /^[a-z0-9_./-]{1,64}$/;
/** What a replica without any metrics asks for again: enough for those measured now and then. */
const RESENT_STEPS = 100;

/** The numbers that one job's training has reported; the rest of it is the record's. */
export class LiveReport {
  #run: Run;
  #step: number | undefined;
  #maxSteps: number | undefined;
  #percentage: number | undefined;
  #remainingSeconds: number | undefined;
  #knownUpTo = 0;
  readonly #metrics = new Map<string, SeriesBuffer>();
  #measuredCount = 0;

  constructor(run: Run) {
    this.#run = run;
  }

  get run(): Run {
    return this.#run;
  }

  /** How many values were taken so far; grows with each report that has some. */
  get measuredCount(): number {
    return this.#measuredCount;
  }

  /** How many points of all metrics are held. */
  get pointCount(): number {
    let count = 0;
    for (const { length } of this.#metrics.values()) count += length;
    return count;
  }

  /** Takes what a report of this `run` or a later one says; of an ended job its metrics alone. */
  note(report: Report, run: Run, isEnded: boolean, nowMs: number): void {
    if (compareRuns(run, this.#run) > 0) this.#begin();
    this.#run = run;
    for (const { step, time, values } of report.metrics) {
      this.#knownUpTo = Math.max(this.#knownUpTo, step ?? 0);
      for (const [name, value] of Object.entries(values)) {
        this.#measure(name)?.add(step ?? 0, time ?? nowMs / 1000, value);
      }
    }
    this.#maxSteps = report.max_steps ?? this.#maxSteps;
    if (isEnded) return;
    this.#step = report.step ?? this.#step;
    this.#percentage = report.percentage ?? this.#percentage;
    this.#remainingSeconds = report.remaining_seconds ?? undefined;
  }

  /** Which metrics are known here, and from where the others are wanted. */
  toMetricsAnswer({ sent_up_to: sentUpTo }: Report): {
    readonly sent_up_to: number;
    readonly send_from_step?: number;
  } {
    const isComplete = (sentUpTo ?? 0) <= this.#knownUpTo;
    if (isComplete || this.#metrics.size > 0) return { sent_up_to: this.#knownUpTo };
    return { sent_up_to: 0, send_from_step: Math.max(0, (sentUpTo ?? 0) - RESENT_STEPS) };
  }

  /** Undefined while nothing was said that is progress. */
  toProgress(): Progress | undefined {
    if (this.#step === undefined && this.#percentage === undefined && this.#metrics.size === 0) {
      return undefined;
    }
    const metrics = [...this.#metrics].flatMap(([name, { latest }]) => {
      return latest === undefined ? [] : [[name, latest] as const];
    });
    const step = this.#step === undefined ? [] : [['step', this.#step] as const];
    return {
      percentage: this.#percentage ?? null,
      estimated_remaining_seconds: this.#remainingSeconds ?? null,
      metrics: Object.fromEntries([...step, ...metrics].slice(0, MAX_SHOWN)),
    };
  }

  /** Undefined while nothing was measured. */
  toMetrics(): JobMetrics | undefined {
    if (this.#metrics.size === 0) return undefined;
    const buffers = [...this.#metrics];
    return {
      attempt: this.#run.attempt,
      maxSteps: this.#maxSteps,
      series: new Map(buffers.map(([name, buffer]) => [name, buffer.toSeries()])),
      nonFinite: new Map(
        buffers.flatMap(([name, { nonFinite }]) => (nonFinite === 0 ? [] : [[name, nonFinite]])),
      ),
      isReduced: buffers.some(([, { isReduced }]) => isReduced),
    };
  }

  /** Keeps so many points of each metric at most. */
  reduce(maxPoints: number): void {
    for (const buffer of this.#metrics.values()) buffer.reduce(maxPoints);
  }

  #begin(): void {
    this.#step = undefined;
    this.#maxSteps = undefined;
    this.#percentage = undefined;
    this.#remainingSeconds = undefined;
    this.#knownUpTo = 0;
    this.#metrics.clear();
  }

  /** Undefined for a metric that is not taken. */
  #measure(name: string): SeriesBuffer | undefined {
    const known = this.#metrics.get(name);
    if (known === undefined && (!METRIC_NAME.test(name) || this.#metrics.size >= MAX_METRICS)) {
      return undefined;
    }
    this.#measuredCount += 1;
    const buffer = known ?? new SeriesBuffer();
    if (known === undefined) this.#metrics.set(name, buffer);
    return buffer;
  }
}
