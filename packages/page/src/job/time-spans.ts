import type { Job } from '@trainer/client';

/** A part of a job's life, from one time to another. */
export interface TimeSpan {
  /** Undefined where the job says nothing of that time. */
  readonly phase: string | undefined;
  /** Whom or what it is owed to. */
  readonly owner: string | undefined;
  readonly message: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Where the time of a job went until `nowMs`, and what of it is unaccounted for. */
export function toTimeSpans({ phases, timestamps }: Job, nowMs: number): TimeSpan[] {
  const { created_at: createdAt, ended_at: endedAt } = timestamps;
  if (createdAt === null) return [];
  const fromMs = Date.parse(createdAt);
  const untilMs = endedAt === null ? Math.max(nowMs, fromMs) : Date.parse(endedAt);
  const spans: TimeSpan[] = [];
  let reachedMs = fromMs;
  const leaveOutUntil = (toMs: number) => {
    if (toMs <= reachedMs) return;
    spans.push({ phase: undefined, owner: undefined, message: '', fromMs: reachedMs, toMs });
  };
  for (const { phase, owner, message, started_at, ended_at } of phases) {
    const startMs = Math.max(Date.parse(started_at), fromMs);
    const toMs = Math.max(ended_at === null ? untilMs : Date.parse(ended_at), startMs);
    leaveOutUntil(startMs);
    spans.push({ phase, owner, message, fromMs: startMs, toMs });
    reachedMs = Math.max(reachedMs, toMs);
  }
  leaveOutUntil(untilMs);
  return spans;
}

/** All of one phase with one owner, as an entry of a legend. */
export interface PhaseSum extends Pick<TimeSpan, 'phase' | 'owner'> {
  readonly ms: number;
}

/** The same phase with the same owner is one entry, in the order of its first time. */
export function sumByPhase(spans: readonly TimeSpan[]): PhaseSum[] {
  const sums = new Map<string, PhaseSum>();
  for (const { phase, owner, fromMs, toMs } of spans) {
    const key = `${phase} ${owner}`;
    const ms = (sums.get(key)?.ms ?? 0) + toMs - fromMs;
    sums.set(key, { phase, owner, ms });
  }
  return [...sums.values()];
}
