import type { Report } from '../requests/report.ts';
import type { Progress } from '../requests/training-response.ts';

/** Of one job, over its life. */
const MAX_METRICS = 256;
/** A callback holds 8 KiB in all. */
const MAX_SHOWN = 32;
const METRIC_NAME = /^[a-z0-9_./-]{1,64}$/;
/** What a replica without any metrics asks for again: enough for those measured now and then. */
const RESENT_STEPS = 100;

interface Measured {
  readonly step: number;
  readonly value: number;
}

/** The numbers that one job's training reported last; the rest of it is the record's. */
export class LiveReport {
  #attempt: number;
  #step: number | undefined;
  #percentage: number | undefined;
  #remainingSeconds: number | undefined;
  #knownUpTo = 0;
  readonly #metrics = new Map<string, Measured>();

  constructor(attempt: number) {
    this.#attempt = attempt;
  }

  get attempt(): number {
    return this.#attempt;
  }

  /** Takes what a report of this attempt or a later one says; of an ended job its metrics alone. */
  note(report: Report, isEnded: boolean): void {
    if (report.attempt > this.#attempt) this.#begin(report.attempt);
    for (const { step, values } of report.metrics) {
      this.#knownUpTo = Math.max(this.#knownUpTo, step ?? 0);
      for (const [name, value] of Object.entries(values)) this.#measure(name, step ?? 0, value);
    }
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
    const metrics = [...this.#metrics].map(([name, { value }]) => [name, value] as const);
    const step = this.#step === undefined ? [] : [['step', this.#step] as const];
    return {
      percentage: this.#percentage ?? null,
      estimated_remaining_seconds: this.#remainingSeconds ?? null,
      metrics: Object.fromEntries([...step, ...metrics].slice(0, MAX_SHOWN)),
    };
  }

  #begin(attempt: number): void {
    this.#attempt = attempt;
    this.#step = undefined;
    this.#percentage = undefined;
    this.#remainingSeconds = undefined;
    this.#knownUpTo = 0;
    this.#metrics.clear();
  }

  #measure(name: string, step: number, value: number | null): void {
    if (value === null || !METRIC_NAME.test(name)) return;
    const known = this.#metrics.get(name);
    if (known === undefined && this.#metrics.size >= MAX_METRICS) return;
    if (known === undefined || step >= known.step) this.#metrics.set(name, { step, value });
  }
}
