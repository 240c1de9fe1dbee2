import type { JobRecord, JobState } from '../jobs/job.ts';
import type { RecordChange } from '../jobs/job-store.ts';
import { isRunOf, type Observation } from '../jobs/observation.ts';
import { toOneLine } from '../jobs/outside-text.ts';
import { type Result, readVerdict, toResult } from '../jobs/result.ts';
import { parseTerminationResult } from '../jobs/termination-line.ts';
import { findModelUri } from '../reports/clean-report.ts';
import { readMask } from '../reports/read-mask.ts';
import { LastWords, type LastWordsParts } from './last-words.ts';

/** What a record is to say with a state that was observed: the words and the result that go with it. */
export class EndChange {
  readonly #parts: LastWordsParts;
  readonly #lastWords: LastWords;

  constructor(parts: LastWordsParts) {
    this.#parts = parts;
    this.#lastWords = new LastWords(parts);
  }

  /**
   * The change that writes the state; of a success with the result that the run left, where none was
   * reported, so that the final event is the same whoever builds it.
   * @throws TrainerError CLUSTER_UNAVAILABLE
   */
  async toChange(
    record: JobRecord,
    state: JobState,
    seen: Observation | undefined,
  ): Promise<RecordChange> {
    const quoted = await this.#lastWords.quote(record, state, seen);
    if (state.status !== 'succeeded') return { state: quoted };
    if (record.result !== undefined) return { state: withVerdict(quoted, record.result) };
    const left = await this.#readResult(record, seen);
    if (left === undefined) return { state: quoted };
    const { compact: result, whole } = left;
    return { state: withVerdict(quoted, result), result, attachments: { result: whole } };
  }

  async #readResult(record: JobRecord, seen: Observation | undefined): Promise<Result | undefined> {
    if (!isRunOf(record, seen) || seen.resultText === undefined) return undefined;
    const said = parseTerminationResult(seen.resultText);
    if (said === undefined) return undefined;
    const masked = await readMask(this.#parts, record);
    if (masked === undefined) return undefined;
    return toResult(said, masked.mask, findModelUri(record, masked));
  }
}

/** The training's own word on what came of it stands beside the runner's. */
function withVerdict(state: JobState, result: NonNullable<JobRecord['result']>): JobState {
  const verdict = readVerdict(result);
  if (verdict === '') return state;
  return { ...state, detail: toOneLine(`${state.detail}; the training says: ${verdict}`) };
}
