import { LRUCache } from 'lru-cache';
import { errors } from '../errors.ts';
import { isTerminal, type JobRecord } from '../jobs/job.ts';
import type { JobMetrics } from '../jobs/job-metrics.ts';
import { toJobName } from '../jobs/job-name.ts';
import type { JobRunner } from '../jobs/job-runner.ts';
import type { Leadership } from '../jobs/leadership.ts';
import { isReportToken } from '../jobs/report-token.ts';
import { compareRuns, NOTHING_REPORTED, numberRun, type Run } from '../jobs/reported.ts';
import { isStale } from '../jobs/staleness.ts';
import type { Order, Report, ReportAnswer } from '../requests/report.ts';
import type { Progress } from '../requests/training-response.ts';
import { toRawReport, toRun } from './clean-report.ts';
import { LiveReport } from './live-report.ts';
import { ReportWriter, type ReportWriterParts } from './report-writer.ts';
import { SnapshotWriter } from './snapshot-writer.ts';
import { StallWatch } from './stall-watch.ts';
import { TailWriter } from './tail-writer.ts';
import { WriteTurns } from './write-turns.ts';

export interface ReportsParts extends ReportWriterParts {
  readonly backend: string;
  readonly runner: JobRunner;
  readonly leadership: Pick<Leadership, 'isLeader' | 'watch'>;
  /** How long processes of a stopped run may go on. */
  readonly graceMs: number;
  /** See StallWatch. */
  readonly stalledAfterMs: number;
}

const MAX_JOBS = 10_000;
const PER_SECOND = 2;
/** Of all metrics of all jobs together, some 24 bytes each. */
const MAX_POINTS = 2_000_000;
/** What is left of the metrics of jobs that reported longest ago, where that is too much. */
const REDUCED_POINTS = 64;
/** A run's object may vanish before its last process, which still tells of what it uploaded. */
const LAST_WORDS_MS = 60_000;

/** Takes what trainings report of themselves, and answers with what they are to do. */
export class Reports {
  readonly #parts: ReportsParts;
  readonly #writer: ReportWriter;
  readonly #snapshots: SnapshotWriter;
  readonly #tails: TailWriter;
  readonly #stalls: StallWatch;
  /** By the record's uid. */
  readonly #live = new LRUCache<string, LiveReport>({
    max: MAX_JOBS,
    dispose: ({ pointCount }) => {
      this.#points -= pointCount;
    },
  });
  /** How many points `#live` holds. */
  #points = 0;
  readonly #admitted = new LRUCache<string, readonly number[]>({ max: MAX_JOBS });

  constructor(parts: ReportsParts) {
    this.#parts = parts;
    const turns = new WriteTurns(parts.clock);
    this.#writer = new ReportWriter(parts, turns);
    this.#tails = new TailWriter({ ...parts, turns });
    this.#stalls = new StallWatch({ ...parts, turns });
    this.#snapshots = new SnapshotWriter({
      ...parts,
      turns,
      liveOf: (uid) => this.#live.peek(uid),
    });
  }

  /** Watches from now on the jobs that have reported; what their trainings say is taken before, too. */
  start(): void {
    this.#stalls.start();
  }

  /**
   * The record of the job that `token` is good for, without any call.
   * @throws TrainerError UNAUTHENTICATED, FORBIDDEN, RATE_LIMITED, CLUSTER_UNAVAILABLE
   */
  admit(jobId: string, token: string | undefined): JobRecord {
    const { store, backend, clock } = this.#parts;
    if (token === undefined) throw errors.reportTokenMissing();
    const record = store.getCached(toJobName(backend, jobId));
    // A job that is not known is refused as another job's token is, and as slowly.
    const isRight = isReportToken(token, record?.reportTokenHash);
    if (record === undefined && isStale(store.behindForMs())) throw errors.clusterUnreachable();
    if (!isRight || record === undefined || this.#isGone(record)) throw errors.reportTokenWrong();
    const nowMs = clock.monotonic();
    const recent = (this.#admitted.get(record.uid) ?? []).filter((atMs) => nowMs - atMs < 1000);
    if (recent.length >= PER_SECOND) throw errors.reportsTooOften();
    this.#admitted.set(record.uid, [...recent, nowMs]);
    return record;
  }

  /**
   * Takes a report of an admitted job.
   * @throws TrainerError REPORT_OUTDATED for an earlier attempt than one that has reported.
   */
  async take(record: JobRecord, report: Report): Promise<ReportAnswer> {
    const live = this.#liveOf(record);
    const kept = record.reported ?? NOTHING_REPORTED;
    const newest = compareRuns(kept, live.run) > 0 ? kept : live.run;
    const run = toRun(report);
    if (compareRuns(run, newest) < 0) throw errors.reportOutdated(newest.attempt);
    const numbered = numberRun(run, newest);
    this.#measure(record, live, report, numbered);
    const written = this.#writer.offer(record, toRawReport(report));
    // After what the report says at once, which takes the job's turn.
    this.#snapshots.note(record);
    this.#stalls.note(record, report);
    if (report.log_tail) this.#tails.note(record, numbered.attempt, report.log_tail);
    // A training ends once its result is taken, and its end is latched with what is kept by then.
    if (report.result) await written;
    else void written.catch(() => {});
    return { orders: this.#toOrders(record), ...live.toMetricsAnswer(report) };
  }

  /** What was last reported of a job to this process; undefined where that is nothing. */
  progressOf({ uid }: JobRecord): Progress | undefined {
    return this.#live.get(uid)?.toProgress();
  }

  /** What was measured by the reports to this process; undefined where that is nothing. */
  metricsOf({ uid }: JobRecord): JobMetrics | undefined {
    return this.#live.get(uid)?.toMetrics();
  }

  /** Resolves when nothing is under way. */
  async close(): Promise<void> {
    await Promise.all([
      this.#writer.close(),
      this.#snapshots.close(),
      this.#tails.close(),
      this.#stalls.close(),
    ]);
  }

  #measure(record: JobRecord, live: LiveReport, report: Report, run: Run): void {
    const before = live.pointCount;
    live.note(report, run, isTerminal(record.state.status), this.#parts.clock.now());
    this.#points += live.pointCount - before;
    this.#reducePoints();
  }

  #reducePoints(): void {
    for (const live of this.#live.rvalues()) {
      if (live === undefined || this.#points <= MAX_POINTS) return;
      const before = live.pointCount;
      live.reduce(REDUCED_POINTS);
      this.#points += live.pointCount - before;
    }
    while (this.#points > MAX_POINTS) this.#live.pop();
  }

  #liveOf(record: JobRecord): LiveReport {
    const known = this.#live.get(record.uid);
    if (known !== undefined) return known;
    const live = new LiveReport(record.reported ?? NOTHING_REPORTED);
    this.#live.set(record.uid, live);
    return live;
  }

  /** Whether no process of the job can be left that still has to say something. */
  #isGone({ state, stopAtMs = 0, name, uid, runId }: JobRecord): boolean {
    const { runner, clock, graceMs } = this.#parts;
    if (!isTerminal(state.status)) return false;
    const seen = runner.getCached(name);
    if (seen?.exists && (seen.recordUid === uid || seen.runId === runId)) return false;
    return clock.now() > Math.max(state.observedAtMs, stopAtMs) + graceMs + LAST_WORDS_MS;
  }

  /** A run that goes on after its job's end has nothing left to do; one that stands still shows where. */
  #toOrders(record: JobRecord): Order[] {
    const { state, stopAtMs = 0 } = record;
    if (!isTerminal(state.status)) {
      return this.#stalls.takeStacksOrder(record) ? [{ do: 'stacks' }] : [];
    }
    return [{ do: 'stop', save: this.#parts.clock.now() < stopAtMs }];
  }
}
