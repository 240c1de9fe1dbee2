import { LRUCache } from 'lru-cache';
import { errors } from '../errors.ts';
import { isTerminal, type JobRecord } from '../jobs/job.ts';
import { toJobName } from '../jobs/job-name.ts';
import type { JobRunner } from '../jobs/job-runner.ts';
import { isReportToken } from '../jobs/report-token.ts';
import { isStale } from '../jobs/staleness.ts';
import type { Order, Report, ReportAnswer } from '../requests/report.ts';
import type { Progress } from '../requests/training-response.ts';
import { toRawReport } from './clean-report.ts';
import { LiveReport } from './live-report.ts';
import { ReportWriter, type ReportWriterParts } from './report-writer.ts';

export interface ReportsParts extends ReportWriterParts {
  readonly backend: string;
  readonly runner: JobRunner;
  /** How long processes of a stopped run may go on. */
  readonly graceMs: number;
}

const MAX_JOBS = 10_000;
const PER_SECOND = 2;
/** A run's object may vanish before its last process, which still tells of what it uploaded. */
const LAST_WORDS_MS = 60_000;

/** Takes what trainings report of themselves, and answers with what they are to do. */
export class Reports {
  readonly #parts: ReportsParts;
  readonly #writer: ReportWriter;
  /** By the record's uid. */
  readonly #live = new LRUCache<string, LiveReport>({ max: MAX_JOBS });
  readonly #admitted = new LRUCache<string, readonly number[]>({ max: MAX_JOBS });

  constructor(parts: ReportsParts) {
    this.#parts = parts;
    this.#writer = new ReportWriter(parts);
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
    const newest = Math.max(live.attempt, record.reported?.attempt ?? 1);
    if (report.attempt < newest) throw errors.reportOutdated(report.attempt, newest);
    live.note(report, isTerminal(record.state.status));
    const written = this.#writer.offer(record, toRawReport(report));
    // A training ends once its result is taken, and its end is latched with what is kept by then.
    if (report.result) await written;
    else void written.catch(() => {});
    return { orders: this.#toOrders(record), ...live.toMetricsAnswer(report) };
  }

  /** What was last reported of a job to this process; undefined where that is nothing. */
  progressOf({ uid }: JobRecord): Progress | undefined {
    return this.#live.get(uid)?.toProgress();
  }

  /** Resolves when nothing is under way. */
  close(): Promise<void> {
    return this.#writer.close();
  }

  #liveOf(record: JobRecord): LiveReport {
    const known = this.#live.get(record.uid);
    if (known !== undefined) return known;
    const live = new LiveReport(record.reported?.attempt ?? 1);
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

  /** A run that goes on after its job's end has nothing left to do. */
  #toOrders({ state, stopAtMs = 0 }: JobRecord): Order[] {
    if (!isTerminal(state.status)) return [];
    return [{ do: 'stop', save: this.#parts.clock.now() < stopAtMs }];
  }
}
