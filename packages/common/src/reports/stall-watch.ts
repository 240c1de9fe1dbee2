import { LRUCache } from 'lru-cache';
import { DeadlineQueue } from '../deadline-queue.ts';
import { isTerminal, type JobRecord } from '../jobs/job.ts';
import type { Stall } from '../jobs/reported.ts';
import { isStale } from '../jobs/staleness.ts';
import { updateRecord } from '../jobs/update-record.ts';
import type { Report } from '../requests/report.ts';
import type { ReportWriterParts } from './report-writer.ts';
import { StepPace } from './step-pace.ts';
import type { WriteTurns } from './write-turns.ts';

export interface StallWatchParts extends ReportWriterParts {
  readonly turns: WriteTurns;
  /** The least time without a report, or without a step, after which a training counts as stalled. */
  readonly stalledAfterMs: number;
}

const MAX_JOBS = 10_000;

interface Watched {
  readonly name: string;
  /** Tells the runs of one job apart. */
  readonly run: string;
  readonly pace: StepPace;
  /** Of the clock's monotonic time. */
  reportedAtMs: number;
  /** The standstill for which stacks were ordered, by when it began. */
  orderedFor?: number;
}

/**
 * Finds trainings that have reported and then stand still: no report comes any more, or none tells of
 * another step. Each replica judges by what it was told itself; a reporter uses a new connection each
 * time, so that none goes without for as long as that. Time in which the store was out of reach does
 * not count, nor does that before this process was there.
 */
export class StallWatch {
  readonly #parts: StallWatchParts;
  readonly #deadlines: DeadlineQueue;
  /** By the record's uid. */
  readonly #watched = new LRUCache<string, Watched>({ max: MAX_JOBS });
  readonly #running = new Set<Promise<unknown>>();

  constructor(parts: StallWatchParts) {
    this.#parts = parts;
    this.#deadlines = new DeadlineQueue(parts.clock, (name) => this.#check(name));
  }

  /** To be called after each report of a job. */
  note(record: JobRecord, report: Report): void {
    const nowMs = this.#parts.clock.monotonic();
    const { uid, name } = record;
    const run = `${report.attempt} ${report.started_at ?? ''}`;
    let watched = this.#watched.get(uid);
    if (watched?.run !== run) {
      watched = { name, run, pace: new StepPace(nowMs), reportedAtMs: nowMs };
      this.#watched.set(uid, watched);
    }
    watched.reportedAtMs = nowMs;
    watched.pace.note(report, nowMs);
    this.#check(name);
  }

  /** Whether a training that stands still is to write where, now; once for each time that it does. */
  takeStacksOrder({ uid }: JobRecord): boolean {
    const watched = this.#watched.get(uid);
    if (watched === undefined || this.#judge(watched).owner !== 'no step') return false;
    const { movedAtMs } = watched.pace;
    if (watched.orderedFor === movedAtMs) return false;
    watched.orderedFor = movedAtMs;
    return true;
  }

  /** Resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#deadlines.clear();
    await Promise.all(this.#running);
  }

  #check(name: string): void {
    const { store, turns, clock, logger } = this.#parts;
    const record = store.getCached(name);
    const watched = record && this.#watched.peek(record.uid);
    if (record === undefined || watched === undefined || isTerminal(record.state.status)) return;
    if (isStale(store.behindForMs())) this.#forgive(watched);
    const { owner, nextMs } = this.#judge(watched);
    const nowMs = clock.now();
    if (owner !== undefined && record.state.status !== 'running') {
      // Stopped half way, it waits for its turn.
      this.#deadlines.set(name, nowMs + this.#parts.stalledAfterMs);
      return;
    }
    if (owner === record.reported?.stalled?.owner) {
      this.#deadlines.set(name, nowMs + nextMs);
      return;
    }
    const laterMs = turns.take(record.uid);
    if (laterMs !== undefined) {
      this.#deadlines.set(name, laterMs);
      return;
    }
    const stalled = owner && { owner, sinceMs: nowMs };
    const running = this.#write(record, stalled)
      .catch((error: unknown) => {
        logger.warn({ job: name, err: error }, 'stall could not be noted, retrying');
      })
      .finally(() => {
        this.#running.delete(running);
        this.#deadlines.set(name, clock.now() + nextMs);
      });
    this.#running.add(running);
  }

  /** What it lacks, if it does, and when to look again. */
  #judge({ reportedAtMs, pace }: Watched): {
    readonly owner: Stall['owner'] | undefined;
    readonly nextMs: number;
  } {
    const { clock, stalledAfterMs } = this.#parts;
    const nowMs = clock.monotonic();
    const silentMs = nowMs - reportedAtMs;
    const reportsLimitMs = Math.max(stalledAfterMs, pace.usualMs);
    const stepLimitMs = pace.limitMs(stalledAfterMs);
    if (silentMs >= reportsLimitMs) return { owner: 'no reports', nextMs: stalledAfterMs };
    const stillMs = pace.stillForMs(nowMs);
    if (stillMs >= stepLimitMs) return { owner: 'no step', nextMs: reportsLimitMs - silentMs };
    return { owner: undefined, nextMs: Math.min(reportsLimitMs - silentMs, stepLimitMs - stillMs) };
  }

  /** Nobody's fault: it is watched anew. */
  #forgive(watched: Watched): void {
    const nowMs = this.#parts.clock.monotonic();
    watched.reportedAtMs = nowMs;
    watched.pace.restart(nowMs);
  }

  async #write(record: JobRecord, stalled: Stall | undefined): Promise<void> {
    const atMs = this.#parts.clock.now();
    await updateRecord(this.#parts.store, record, ({ state, reported }) => {
      if (isTerminal(state.status) || reported === undefined) return undefined;
      if (reported.stalled?.owner === stalled?.owner) return undefined;
      const { stalled: _, ...rest } = reported;
      return { atMs, reported: { ...rest, ...(stalled && { stalled }) } };
    });
  }
}
