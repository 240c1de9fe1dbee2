import type { JobRecord, JobState } from '../jobs/job.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { isRunOf, type Observation } from '../jobs/observation.ts';
import { lastLines, toOneLine } from '../jobs/outside-text.ts';
import { type ReadMaskParts, readMask } from '../reports/read-mask.ts';

const LINES = 3;

export interface LastWordsParts extends ReadMaskParts {
  readonly store: JobStore;
}

/** Adds to a state what the run's process said last, once the credentials in it are masked. */
export class LastWords {
  readonly #parts: LastWordsParts;

  constructor(parts: LastWordsParts) {
    this.#parts = parts;
  }

  /**
   * The state as it is written: with the last words where it was made of `seen` and these have some.
   * They are left out unless every value that must not be in them is known.
   * @throws TrainerError CLUSTER_UNAVAILABLE
   */
  async quote(
    record: JobRecord,
    state: JobState,
    seen: Observation | undefined,
  ): Promise<JobState> {
    if (!isRunOf(record, seen) || seen.lastWords === undefined) return state;
    if (state.reason !== seen.reason || state.detail !== seen.detail) return state;
    const masked = await readMask(this.#parts, record);
    if (masked === undefined) return state;
    const words = lastLines(masked.mask(seen.lastWords), LINES);
    if (words === '') return state;
    return { ...state, detail: toOneLine(`${state.detail}: ${words}`) };
  }
}
