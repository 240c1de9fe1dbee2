import type { JobRecord, JobState } from '../jobs/job.ts';
import type { Secrets } from '../jobs/job-environment.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { isRunOf, type Observation } from '../jobs/observation.ts';
import { lastLines, toOneLine } from '../jobs/outside-text.ts';
import { SecretMask } from '../jobs/secret-mask.ts';

const LINES = 3;

export interface LastWordsParts {
  readonly store: JobStore;
  /** Secret values of the operator's that jobs use beside their own; undefined if not readable. */
  readonly readSharedSecrets?: (() => Promise<Secrets | undefined>) | undefined;
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
    const { store, readSharedSecrets = async () => ({}) } = this.#parts;
    const [payload, shared] = await Promise.all([store.readPayload(record), readSharedSecrets()]);
    if (payload === undefined || shared === undefined) return state;
    const own = new SecretMask(payload.secrets).apply(seen.lastWords);
    const words = lastLines(new SecretMask(shared).apply(own), LINES);
    if (words === '') return state;
    return { ...state, detail: toOneLine(`${state.detail}: ${words}`) };
  }
}
