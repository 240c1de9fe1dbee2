import type { ReportedPhase } from '../requests/report.ts';

/** A checkpoint that is complete at the job's output. */
export interface Checkpoint {
  readonly step: number;
  readonly uri: string;
  /** UNIX milliseconds. */
  readonly savedAtMs: number | undefined;
}

/** What a training that stands still lacks, and since when it is known to. */
export interface Stall {
  readonly owner: 'no reports' | 'no step';
  /** UNIX milliseconds. */
  readonly sinceMs: number;
}

/** What a record keeps of its training's reports; masked, and never about status or end. */
export interface Reported {
  /** Which run of the job said it, from 1 on, in the order in which runs were first heard of. */
  readonly attempt: number;
  /** As the run counts itself, where that is another number. */
  readonly counted?: number | undefined;
  /** When the process of the run began, by its own clock in UNIX seconds; where it says so. */
  readonly runStartedAt?: number | undefined;
  readonly phase: ReportedPhase | undefined;
  /** The newest ones, oldest first. */
  readonly checkpoints: readonly Checkpoint[];
  readonly warnings: readonly string[];
  /** Set while it stands still, as we ourselves found. */
  readonly stalled?: Stall | undefined;
}

export const NOTHING_REPORTED: Reported = {
  attempt: 1,
  phase: undefined,
  checkpoints: [],
  warnings: [],
};

/** The runtime keeps no more at the output. */
const MAX_CHECKPOINTS = 2;
const MAX_WARNINGS = 20;

/** What tells the runs of one job apart. */
export type Run = Pick<Reported, 'attempt' | 'counted' | 'runStartedAt'>;

/**
 * Above 0 when `run` came after `other`, below when before, 0 when they are the same. A platform may
 * start pods anew without counting that (Kueue, which suspends a job and resumes it), so that of one
 * count the later start decides.
 */
export function compareRuns(run: Run, other: Run): number {
  const byCount = (run.counted ?? run.attempt) - (other.counted ?? other.attempt);
  if (byCount !== 0) return byCount;
  if (run.runStartedAt === undefined || other.runStartedAt === undefined) return 0;
  return run.runStartedAt - other.runStartedAt;
}

/** A run as it counts itself, under the number that it has after `known`. */
export function numberRun(run: Run, known: Run): Run {
  const order = compareRuns(run, known);
  const counted = run.counted ?? run.attempt;
  const attempt = order > 0 ? Math.max(known.attempt + 1, counted) : known.attempt;
  const runStartedAt = run.runStartedAt ?? (order > 0 ? undefined : known.runStartedAt);
  return {
    attempt,
    ...(counted !== attempt && { counted }),
    ...(runStartedAt !== undefined && { runStartedAt }),
  };
}

/**
 * What is known after a report: a later attempt begins anew but for its checkpoints, an earlier one
 * changes nothing. Of an ended job only checkpoints are taken. Pure; the same object where nothing
 * is new.
 */
export function mergeReported(
  known: Reported | undefined,
  news: Reported,
  isEnded: boolean,
): Reported | undefined {
  const before = known ?? NOTHING_REPORTED;
  const order = compareRuns(news, before);
  if (order < 0) return known;
  const base = order > 0 ? { ...NOTHING_REPORTED, checkpoints: before.checkpoints } : before;
  const next: Reported = {
    ...(isEnded ? before : { ...base, ...numberRun(news, before) }),
    ...(!isEnded && {
      phase: news.phase ?? base.phase,
      warnings: [...new Set([...base.warnings, ...news.warnings])].slice(0, MAX_WARNINGS),
    }),
    checkpoints: mergeCheckpoints(before.checkpoints, news.checkpoints),
  };
  return JSON.stringify(next) === JSON.stringify(before) ? known : next;
}

function mergeCheckpoints(
  known: readonly Checkpoint[],
  news: readonly Checkpoint[],
): readonly Checkpoint[] {
  const byUri = new Map([...known, ...news].map((checkpoint) => [checkpoint.uri, checkpoint]));
  return [...byUri.values()].sort((a, b) => a.step - b.step).slice(-MAX_CHECKPOINTS);
}
