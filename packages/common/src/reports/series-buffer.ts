import { type MetricSeries, reduceSeries } from '../jobs/job-metrics.ts';

/** How many points of a metric stay in memory. */
export const MAX_POINTS = 512;

/** One metric as it is reported, of bounded size: where it is full, every peak stays. */
export class SeriesBuffer {
  #step: number[] = [];
  #time: number[] = [];
  // Lists of numbers alone take a third of the memory of lists with null.
  #value: number[] = [];
  #nonFinite = 0;
  #isReduced = false;

  get length(): number {
    return this.#step.length;
  }

  get nonFinite(): number {
    return this.#nonFinite;
  }

  get isReduced(): boolean {
    return this.#isReduced;
  }

  /** The newest finite value. */
  get latest(): number | undefined {
    return this.#value.findLast((value) => !Number.isNaN(value));
  }

  /** Notes a value, null for one that is no finite number; the same step again replaces it. */
  add(step: number, time: number, value: number | null): void {
    const after = this.#step.findLastIndex((known) => known <= step);
    const isKnown = after >= 0 && this.#step[after] === step;
    if (value === null && !(isKnown && Number.isNaN(this.#value[after]))) this.#nonFinite += 1;
    const at = isKnown ? after : after + 1;
    const removed = isKnown ? 1 : 0;
    this.#step.splice(at, removed, step);
    this.#time.splice(at, removed, time);
    this.#value.splice(at, removed, value ?? Number.NaN);
    if (this.#step.length > MAX_POINTS) this.reduce(MAX_POINTS / 2);
  }

  /** Keeps so many points at most. */
  reduce(maxPoints: number): void {
    if (this.#step.length <= maxPoints) return;
    const { step, time, value } = reduceSeries(this.toSeries(), maxPoints);
    this.#step = [...step];
    this.#time = [...time];
    this.#value = [...value];
    this.#isReduced = true;
  }

  /** As it now stands; changes with the buffer. */
  toSeries(): MetricSeries {
    return { step: this.#step, time: this.#time, value: this.#value };
  }
}
