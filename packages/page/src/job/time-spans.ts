import type { Job } from '@trainer/client';
import { isEnded } from './is-ended.ts';

/** A part of a job's life, from one time to another. */
export interface TimeSpan {
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Where the time of a job went until `nowMs`: before it ran, and while it ran. */
export function toTimeSpans(job: Job, nowMs: number): TimeSpan[] {
  const [createdAtMs, startedAtMs, endedAtMs] = [
    job.timestamps.created_at,
    job.timestamps.started_at,
    job.timestamps.ended_at,
  ].map((time) => (time ? Date.parse(time) : undefined));
  if (createdAtMs === undefined) return [];
  const untilMs = endedAtMs ?? (isEnded(job) ? createdAtMs : Math.max(nowMs, createdAtMs));
  const spans = [
    { name: 'Waiting', fromMs: createdAtMs, toMs: startedAtMs ?? untilMs },
    ...(startedAtMs === undefined ? [] : [{ name: 'Running', fromMs: startedAtMs, toMs: untilMs }]),
  ];
  return spans.filter(({ fromMs, toMs }) => toMs >= fromMs);
}
