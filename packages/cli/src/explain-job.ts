import { isEnded, type Job } from '@trainer/client';
import { ADVICE, ADVICE_ON_STALLS } from './advice.ts';

/** What a job waits for, or why it ended, and what to do about it. */
export interface Explanation {
  readonly job_id: string;
  readonly status: string;
  readonly reason: string;
  /** Where the time goes now, and whom that is owed to; null once it has ended. */
  readonly phase: string | null;
  readonly owner: string | null;
  /** For how long it has been so; of an ended job, how long it lived. */
  readonly seconds: number | null;
  readonly why: string;
  readonly advice: string | null;
  readonly phases: readonly {
    readonly phase: string;
    readonly owner: string;
    readonly seconds: number;
    readonly is_current: boolean;
  }[];
  readonly warnings: readonly string[];
}

/** All that an answer tells of it, at `nowMs`. Pure. */
export function explainJob(job: Job, nowMs: number): Explanation {
  const spans = job.phases ?? [];
  const phases = spans.map(({ phase, owner, started_at: from, ended_at: to }) => {
    const seconds = secondsBetween(from, to, nowMs) ?? 0;
    return { phase, owner, seconds, is_current: to === null };
  });
  const current = isEnded(job) ? undefined : spans.find(({ ended_at: to }) => to === null);
  const { created_at: created, ended_at: ended } = job.timestamps ?? {};
  const isStalled = current?.phase === 'stalled';
  return {
    job_id: job.job_id,
    status: job.status,
    reason: job.reason,
    phase: current?.phase ?? job.phase ?? null,
    owner: current?.owner ?? null,
    seconds: secondsBetween(current?.started_at ?? created, current ? null : ended, nowMs),
    why: current?.message ?? job.detail,
    advice: (isStalled ? ADVICE_ON_STALLS[current.owner] : ADVICE[job.reason]) ?? null,
    phases,
    warnings: job.metadata?.warnings ?? [],
  };
}

function secondsBetween(
  from: string | null | undefined,
  to: string | null | undefined,
  nowMs: number,
): number | null {
  if (!from) return null;
  const untilMs = to ? Date.parse(to) : nowMs;
  return Math.max(0, Math.round((untilMs - Date.parse(from)) / 1000));
}
