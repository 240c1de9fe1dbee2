import { LRUCache } from 'lru-cache';
import { DeadlineQueue } from '../deadline-queue.ts';
import { isTerminal, type JobRecord } from '../jobs/job.ts';
import type { Leadership } from '../jobs/leadership.ts';
import { toCurrentPhase } from '../jobs/phase.ts';
import type { Run, Stall } from '../jobs/reported.ts';
import { isStale } from '../jobs/staleness.ts';
import { updateRecord } from '../jobs/update-record.ts';
import type { Report } from '../requests/report.ts';
import { toRun } from './clean-report.ts';
import type { ReportWriterParts } from './report-writer.ts';
import { StepPace } from './step-pace.ts';
import { TurnedWriter } from './turned-writer.ts';
import type { WriteTurns } from './write-turns.ts';

export interface StallWatchParts extends ReportWriterParts {
  readonly turns: WriteTurns;
  readonly leadership: Pick<Leadership, 'isLeader' | 'watch'>;
  /** The least time without a report, or without a step, after which a training counts as stalled. */
  readonly stalledAfterMs: number;
}

const MAX_JOBS = 10_000;

interface Watched {
  /** Tells the runs of one job apart. */
  readonly run: string;
  readonly pace: StepPace;
  /** Of the clock's monotonic time: the last report, or since when one is waited for. */
  reportedAtMs: number;
  /** Whether a report has come since then. */
  isHeard: boolean;
  /** Whether it had no process that could report when it was looked at last. */
  isWaiting: boolean;
  /** The standstill for which stacks were ordered, by when it began. */
  orderedFor?: number;
}

interface Finding {
  readonly record: JobRecord;
  readonly owner: Stall['owner'] | undefined;
  /** Whether the record says something else. */
  readonly isNews: boolean;
  /** When to look again. */
  readonly nextMs: number;
}

/**
 * Finds trainings that have reported and then stand still: no report comes any more, or none tells of
 * another step. All replicas listen, and the one that leads judges, by what it was told itself; a
 * reporter uses a new connection each time, so that none goes without for as long as that. Time in
 * which the store was out of reach, in which the job waited again, or in which this process did not
 * lead, does not count.
 */
export class StallWatch {
  readonly #parts: StallWatchParts;
  readonly #deadlines: DeadlineQueue;
  readonly #writer: TurnedWriter;
  /** By the record's uid. */
  readonly #watched = new LRUCache<string, Watched>({ max: MAX_JOBS });
  #unwatch: (() => void)[] = [];

  constructor(parts: StallWatchParts) {
    this.#parts = parts;
    this.#deadlines = new DeadlineQueue(parts.clock, (name) => this.#check(name));
    const failure = 'stall could not be noted, retrying';
    this.#writer = new TurnedWriter(parts, failure, (record) => this.#write(record));
  }

  /** Watches from now on every job that has reported, whichever process was told. */
  start(): void {
    const { store, leadership } = this.#parts;
    this.#unwatch = [
      store.watch((name) => this.#look(store.getCached(name))),
      leadership.watch((isLeader) => (isLeader ? this.#takeOver() : this.#deadlines.clear())),
    ];
    if (leadership.isLeader()) this.#takeOver();
  }

  /** To be called after each report of a job. */
  note(record: JobRecord, report: Report): void {
    const nowMs = this.#parts.clock.monotonic();
    const run = toKey(toRun(report));
    let watched = this.#watched.get(record.uid);
    if (watched?.run !== run) watched = this.#watch(record, run, new StepPace(nowMs));
    watched.reportedAtMs = nowMs;
    watched.isHeard = true;
    watched.pace.note(report, nowMs);
    this.#check(record.name);
  }

  /** Whether a training that stands still is to write where, now; once for each time that it does. */
  takeStacksOrder({ uid }: JobRecord): boolean {
    const watched = this.#watched.get(uid);
    if (!this.#parts.leadership.isLeader()) return false;
    if (watched === undefined || this.#judge(watched).owner !== 'no step') return false;
    const { movedAtMs } = watched.pace;
    if (watched.orderedFor === movedAtMs) return false;
    watched.orderedFor = movedAtMs;
    return true;
  }

  /** Resolves when nothing is under way. */
  async close(): Promise<void> {
    for (const unwatch of this.#unwatch.splice(0)) unwatch();
    this.#deadlines.clear();
    await this.#writer.close();
    this.#deadlines.clear();
  }

  #takeOver(): void {
    for (const watched of this.#watched.values()) this.#forgive(watched);
    for (const record of this.#parts.store.list()) {
      this.#look(record);
      this.#check(record.name);
    }
  }

  /** Begins to watch what another process was told of, or this one before it ended. */
  #look(record: JobRecord | undefined): void {
    if (record?.reported === undefined || !this.#parts.leadership.isLeader()) return;
    if (isTerminal(record.state.status)) return;
    const watched = this.#watched.peek(record.uid);
    if (watched !== undefined) {
      this.#forgiveWait(record, watched);
      return;
    }
    const { attempt, counted = attempt, runStartedAt, phase } = record.reported;
    const pace = new StepPace(this.#parts.clock.monotonic(), { phase });
    this.#watch(record, toKey({ attempt: counted, runStartedAt }), pace);
    this.#check(record.name);
  }

  #watch({ uid }: JobRecord, run: string, pace: StepPace): Watched {
    const reportedAtMs = this.#parts.clock.monotonic();
    const watched = { run, pace, reportedAtMs, isHeard: false, isWaiting: false };
    this.#watched.set(uid, watched);
    return watched;
  }

  #check(name: string): void {
    const found = this.#find(name);
    if (found === undefined) return;
    if (found.isNews) this.#writer.plan(found.record);
    else this.#deadlines.set(name, this.#parts.clock.now() + found.nextMs);
  }

  /** What a job lacks by now, for the one that leads to say; undefined where there is nothing to watch. */
  #find(name: string): Finding | undefined {
    const { store, leadership } = this.#parts;
    const record = leadership.isLeader() ? store.getCached(name) : undefined;
    const watched = record && this.#watched.peek(record.uid);
    if (record === undefined || watched === undefined || isTerminal(record.state.status)) return;
    if (isStale(store.behindForMs())) this.#forgive(watched);
    this.#forgiveWait(record, watched);
    const noted = record.reported?.stalled?.owner;
    const { owner, nextMs } = this.#judge(watched);
    const isOver = noted === 'no step' ? watched.pace.hasMoved : watched.isHeard;
    return { record, owner, nextMs, isNews: owner !== noted && (owner !== undefined || isOver) };
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
    watched.isHeard = false;
    watched.pace.restart(nowMs);
  }

  #forgiveWait(record: JobRecord, watched: Watched): void {
    const waits = isWaiting(record);
    if (waits || watched.isWaiting) this.#forgive(watched);
    watched.isWaiting = waits;
  }

  async #write({ name }: JobRecord): Promise<void> {
    const found = this.#find(name);
    if (found?.isNews) await this.#note(found);
    if (found !== undefined) this.#deadlines.set(name, this.#parts.clock.now() + found.nextMs);
  }

  async #note({ record, owner }: Finding): Promise<void> {
    const { store, clock, logger } = this.#parts;
    const atMs = clock.now();
    const stalled = owner && { owner, sinceMs: atMs };
    const toChange = ({ state, reported }: JobRecord) => {
      if (isTerminal(state.status) || reported === undefined) return undefined;
      if (reported.stalled?.owner === owner) return undefined;
      const { stalled: _, ...rest } = reported;
      return { atMs, reported: { ...rest, ...(stalled && { stalled }) } };
    };
    await updateRecord(store, record, toChange, logger);
  }
}

function toKey({ attempt, runStartedAt }: Run): string {
  return `${attempt} ${runStartedAt ?? ''}`;
}

/** Whether it has no process that could report, as one that its queue stopped half way. */
function isWaiting({ state }: JobRecord): boolean {
  return toCurrentPhase(state, undefined)?.owner !== 'training';
}
