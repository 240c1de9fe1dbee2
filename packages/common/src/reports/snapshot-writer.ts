import { isTerminal, type JobRecord } from '../jobs/job.ts';
import { mergeMetrics, parseMetrics } from '../jobs/job-metrics.ts';
import type { RecordChange } from '../jobs/job-store.ts';
import { updateRecord } from '../jobs/update-record.ts';
import { toKeptMetrics } from './kept-metrics.ts';
import type { LiveReport } from './live-report.ts';
import { demandMask } from './read-mask.ts';
import type { ReportWriterParts } from './report-writer.ts';
import { TurnedWriter } from './turned-writer.ts';
import type { WriteTurns } from './write-turns.ts';

/** How much a death of this process may cost of what it alone knows. */
const PERIOD_MS = 5 * 60_000;
const MAX_JOBS = 10_000;
/** What a process that ends may still spend on it. */
const CLOSE_MS = 5000;
const CLOSE_CONCURRENCY = 8;

export interface SnapshotWriterParts extends ReportWriterParts {
  readonly turns: WriteTurns;
  /** What memory holds of the job whose record has this uid. */
  readonly liveOf: (uid: string) => LiveReport | undefined;
}

/**
 * Keeps with the record what reports leave in memory, every five minutes and when the job has ended,
 * so that other replicas, and this one after a restart, know it, too.
 */
export class SnapshotWriter {
  readonly #parts: SnapshotWriterParts;
  readonly #writer: TurnedWriter;
  /** Names of the jobs of which there is more than their records have. */
  readonly #unwritten = new Set<string>();
  /** What is written, as `measuredCount` says. */
  readonly #written = new WeakMap<LiveReport, number>();
  readonly #unwatch: () => void;

  constructor(parts: SnapshotWriterParts) {
    this.#parts = parts;
    const failure = 'metrics could not be kept, retrying';
    this.#writer = new TurnedWriter(parts, failure, ({ name }) => this.#write(name));
    this.#unwatch = parts.store.watch((name) => {
      if (this.#unwritten.has(name)) this.#plan(name);
    });
  }

  /** To be called after each report of a job. */
  note({ name, uid }: JobRecord): void {
    if (!this.#isNews(uid) || this.#unwritten.size >= MAX_JOBS) return;
    this.#unwritten.add(name);
    this.#plan(name);
  }

  /** Writes what there is, as far as that takes no longer than seconds. */
  async close(): Promise<void> {
    this.#unwatch();
    const written = this.#writer.close();
    let isLate = false;
    const cancel = this.#parts.clock.schedule(CLOSE_MS, () => {
      isLate = true;
    });
    const names = [...this.#unwritten].values();
    const writeSome = async () => {
      for (const name of names) if (!isLate) await this.#write(name).catch(() => {});
    };
    await Promise.all([...Array.from({ length: CLOSE_CONCURRENCY }, writeSome), written]);
    cancel();
  }

  #isNews(uid: string): boolean {
    const live = this.#parts.liveOf(uid);
    return live !== undefined && live.measuredCount > (this.#written.get(live) ?? 0);
  }

  #plan(name: string): void {
    const record = this.#parts.store.getCached(name);
    if (record === undefined) this.#unwritten.delete(name);
    else if (isTerminal(record.state.status)) this.#writer.plan(record);
    else this.#writer.plan(record, this.#parts.clock.now() + PERIOD_MS);
  }

  async #write(name: string): Promise<void> {
    const { store } = this.#parts;
    const record = store.getCached(name);
    this.#unwritten.delete(name);
    if (record === undefined || !this.#isNews(record.uid)) return;
    try {
      const masked = await demandMask(this.#parts, record);
      if (masked === undefined) return;
      const live = this.#parts.liveOf(record.uid);
      // More may come while it is written, or it may fail.
      const count = live?.measuredCount ?? 0;
      await updateRecord(store, record, async (current) => {
        const kept = parseMetrics(await store.readAttachment(current, 'metrics'));
        return toChange(kept, live, masked.mask);
      });
      if (live !== undefined) this.#written.set(live, count);
    } catch (error) {
      this.#unwritten.add(name);
      throw error;
    }
  }
}

function toChange(
  kept: ReturnType<typeof parseMetrics>,
  live: LiveReport | undefined,
  mask: (text: string) => string,
): RecordChange | undefined {
  const known = live?.toMetrics();
  if (known === undefined) return undefined;
  const all = kept === undefined ? known : mergeMetrics(kept, known);
  return { attachments: { metrics: toKeptMetrics(all, mask) } };
}
