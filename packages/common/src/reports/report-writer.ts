import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { Random } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { errors } from '../errors.ts';
import { isTerminal, type JobRecord } from '../jobs/job.ts';
import type { JobStore, RecordChange } from '../jobs/job-store.ts';
import { toLogged } from '../jobs/operator-lines.ts';
import { compareRuns, mergeReported, NOTHING_REPORTED, type Reported } from '../jobs/reported.ts';
import { updateRecord } from '../jobs/update-record.ts';
import {
  type CheckpointFault,
  type CleanReport,
  cleanReport,
  type RawReport,
} from './clean-report.ts';
import { demandMask, type ReadMaskParts } from './read-mask.ts';
import { TurnedWriter } from './turned-writer.ts';
import type { WriteTurns } from './write-turns.ts';

export interface ReportWriterParts extends ReadMaskParts {
  readonly store: JobStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const MAX_JOBS = 10_000;
/** What waits for a write; the newest say what the job is doing now. */
const MAX_WAITING = 100;

interface Waiting {
  readonly record: JobRecord;
  readonly report: RawReport;
  /** Settled with the write. */
  readonly written: PromiseWithResolvers<void>;
}

/** Brings what trainings report into their records, masked, together and not too often. */
export class ReportWriter {
  readonly #parts: ReportWriterParts;
  readonly #waiting = new Map<string, Waiting>();
  readonly #writer: TurnedWriter;
  readonly #turns: WriteTurns;
  /** Attempts whose result has had its own turn. */
  readonly #resultTurns = new LRUCache<string, true>({ max: MAX_JOBS });
  /** Records by uid of which the log has told that a checkpoint is left out. */
  readonly #told = new LRUCache<string, true>({ max: MAX_JOBS });

  constructor(parts: ReportWriterParts, turns: WriteTurns) {
    this.#parts = parts;
    this.#turns = turns;
    const failure = 'report could not be kept, retrying';
    this.#writer = new TurnedWriter({ ...parts, turns }, failure, (job) => this.#write(job));
  }

  /**
   * Has the record of a job say what is new in a report, at once or as soon as it may. The first
   * result of an attempt does not wait for the job's turn, and none until a failure may be over, since
   * its training waits to end. Resolves when it is written, if it has to be.
   * @throws TrainerError RATE_LIMITED, CLUSTER_UNAVAILABLE when it is not, so far.
   */
  async offer(record: JobRecord, report: RawReport): Promise<void> {
    const isKnown = this.#findWaiting(record) !== undefined;
    if (!isKnown && !hasNews(record, report)) return;
    if (!isKnown && this.#waiting.size >= MAX_JOBS) throw errors.reportsTooOften();
    const { promise } = this.#wait(record, report);
    if (report.result === undefined) this.#writer.plan(record);
    else {
      this.#hurry(record, report);
      this.#writer.planNow(record);
    }
    await promise;
  }

  /** Writes what waits no more; resolves when nothing is under way. */
  async close(): Promise<void> {
    const closed = this.#writer.close();
    for (const { written } of this.#waiting.values()) written.resolve();
    this.#waiting.clear();
    await closed;
  }

  #findWaiting({ name, uid }: JobRecord): Waiting | undefined {
    const waiting = this.#waiting.get(name);
    return waiting?.record.uid === uid ? waiting : undefined;
  }

  #wait(record: JobRecord, report: RawReport): Waiting['written'] {
    const known = this.#findWaiting(record);
    const written = known?.written ?? Promise.withResolvers<void>();
    // Nobody may wait for it.
    written.promise.catch(() => {});
    this.#waiting.set(record.name, { record, report: join(known?.report, report), written });
    return written;
  }

  /** What came while it was written is newer, and may be of another job that took the name. */
  #waitAgain({ record, report }: Waiting): void {
    const newer = this.#waiting.get(record.name);
    if (newer === undefined) this.#wait(record, report);
    else if (newer.record.uid === record.uid) {
      this.#waiting.set(record.name, { ...newer, report: join(report, newer.report) });
    }
  }

  #hurry({ uid }: JobRecord, { reported: { attempt, runStartedAt } }: RawReport): void {
    const turn = `${uid} ${attempt} ${runStartedAt}`;
    if (this.#resultTurns.has(turn)) return;
    this.#resultTurns.set(turn, true);
    this.#turns.hurry(uid);
  }

  async #write({ name }: JobRecord): Promise<void> {
    const waiting = this.#waiting.get(name);
    if (waiting === undefined) return;
    this.#waiting.delete(name);
    try {
      await this.#keep(waiting);
      waiting.written.resolve();
    } catch (error) {
      waiting.written.reject(error);
      this.#waitAgain(waiting);
      throw error;
    }
  }

  async #keep({ record, report }: Waiting): Promise<void> {
    const { store, clock, logger } = this.#parts;
    const masked = await demandMask(this.#parts, record);
    if (masked === undefined) return;
    const clean = cleanReport(report, record, masked);
    this.#tell(record, clean.faults);
    const atMs = clock.now();
    await updateRecord(store, record, (current) => toChange(current, clean, atMs), logger);
  }

  /** A training says with each report what it has saved, so that once is enough. */
  #tell(record: JobRecord, faults: readonly CheckpointFault[]): void {
    if (faults.length === 0 || this.#told.has(record.uid)) return;
    this.#told.set(record.uid, true);
    const why = [...new Set(faults)];
    this.#parts.logger.warn({ ...toLogged(record), why }, 'reported checkpoint is not kept');
  }
}

/** What a report changes of a record; the result of an ended job stays. */
function toChange(
  record: JobRecord,
  { reported, result }: CleanReport,
  atMs: number,
): RecordChange | undefined {
  const { state, reported: known } = record;
  const isEnded = isTerminal(state.status);
  const next = mergeReported(known, reported, isEnded);
  const isOutdated = compareRuns(reported, known ?? NOTHING_REPORTED) < 0;
  const isNew = result !== undefined && !isEnded && !isOutdated;
  if (next === known && !isNew) return undefined;
  return {
    atMs,
    ...(next !== known && { reported: next }),
    ...(isNew && { result: result.compact, attachments: { result: result.whole } }),
  };
}

/** Whether a record would say anything else with it, as far as that can be told before cleaning. */
function hasNews({ state, reported }: JobRecord, news: RawReport): boolean {
  const isEnded = isTerminal(state.status);
  if (news.result !== undefined && !isEnded) return true;
  return mergeReported(reported, news.reported, isEnded) !== reported;
}

function join(before: RawReport | undefined, news: RawReport): RawReport {
  if (before === undefined) return news;
  const isOutdated = compareRuns(news.reported, before.reported) < 0;
  return {
    reported: joinReported(before.reported, news.reported),
    result: (isOutdated ? undefined : news.result) ?? before.result,
  };
}

function joinReported(before: Reported, news: Reported): Reported {
  const order = compareRuns(news, before);
  if (order < 0) return before;
  const isLater = order > 0;
  return {
    attempt: news.attempt,
    ...(news.runStartedAt !== undefined && { runStartedAt: news.runStartedAt }),
    phase: news.phase ?? (isLater ? undefined : before.phase),
    checkpoints: [...before.checkpoints, ...news.checkpoints].slice(-MAX_WAITING),
    warnings: [...(isLater ? [] : before.warnings), ...news.warnings].slice(0, MAX_WAITING),
  };
}
