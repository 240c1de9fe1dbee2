import { TrainerError } from '../errors.ts';
import type { JobRecord } from '../jobs/job.ts';
import { type JobMetrics, mergeMetrics, parseMetrics } from '../jobs/job-metrics.ts';
import type { JobRunner } from '../jobs/job-runner.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { RecentCache } from '../recent-cache.ts';

export interface MetricsReaderParts {
  readonly store: JobStore;
  readonly runner: JobRunner;
  /** What was reported to this process; undefined where that is nothing. */
  readonly reportedTo: (record: JobRecord) => JobMetrics | undefined;
}

/** Some hundred jobs, each of which somebody looks at. */
const MAX_REMEMBERED = 500;
const NOTHING_KEPT = { metrics: undefined };

/** Tells what a job measured, whichever replica it reported to. */
export class MetricsReader {
  readonly #parts: MetricsReaderParts;
  /** What the record has, by its uid and version, so that looking often costs one read. */
  readonly #kept = new RecentCache<{ readonly metrics: JobMetrics | undefined }>({
    maxSize: MAX_REMEMBERED,
  });

  constructor(parts: MetricsReaderParts) {
    this.#parts = parts;
  }

  /**
   * All that is known here or kept with the record; no series where nothing was measured.
   * @throws TrainerError CLUSTER_UNAVAILABLE where nothing is known here and the record is out of reach.
   */
  async read(record: JobRecord): Promise<JobMetrics> {
    const { runner, reportedTo } = this.#parts;
    const live = reportedTo(record) ?? runner.readMetrics?.(record);
    const { metrics: kept } = await this.#readKept(record).catch((error: unknown) => {
      const isAway = error instanceof TrainerError && error.code === 'CLUSTER_UNAVAILABLE';
      if (live === undefined || !isAway) throw error;
      return NOTHING_KEPT;
    });
    if (live === undefined || kept === undefined) return live ?? kept ?? toNothing(record);
    return mergeMetrics(kept, live);
  }

  async #readKept(record: JobRecord): Promise<{ readonly metrics: JobMetrics | undefined }> {
    if (record.reportTokenHash === undefined) return NOTHING_KEPT;
    const key = `${record.uid} ${record.version}`;
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const kept = {
      metrics: parseMetrics(await this.#parts.store.readAttachment(record, 'metrics')),
    };
    this.#kept.set(key, kept);
    return kept;
  }
}

function toNothing({ reported }: JobRecord): JobMetrics {
  return {
    attempt: reported?.attempt ?? 1,
    maxSteps: undefined,
    series: new Map(),
    nonFinite: new Map(),
    isReduced: false,
  };
}
