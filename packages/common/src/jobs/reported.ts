import type { ReportedPhase } from '../requests/report.ts';

/** A checkpoint that is complete at the job's output. */
export interface Checkpoint {
  readonly step: number;
  readonly uri: string;
  /** UNIX milliseconds. */
  readonly savedAtMs: number | undefined;
}

/** What a record keeps of its training's reports; masked, and never about status or end. */
export interface Reported {
  /** Which run of the job said it, from 1 on. */
  readonly attempt: number;
  readonly phase: ReportedPhase | undefined;
  /** The newest ones, oldest first. */
  readonly checkpoints: readonly Checkpoint[];
  readonly warnings: readonly string[];
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
  if (news.attempt < before.attempt) return known;
  const base =
    news.attempt > before.attempt
      ? { ...NOTHING_REPORTED, checkpoints: before.checkpoints }
      : before;
  const next: Reported = {
    ...(isEnded ? before : { ...base, attempt: news.attempt }),
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
