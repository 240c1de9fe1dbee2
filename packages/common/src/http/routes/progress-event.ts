import type { JobView } from '../../jobs/observation.ts';

/** What a training says of its progress, as events of a stream are; undefined where it says nothing. */
export function toProgressEvent({ record, progress }: JobView, nowMs: number) {
  if (progress === undefined) return undefined;
  return {
    type: 'job.progress',
    job_id: record.id,
    time: new Date(nowMs).toISOString(),
    attempt: record.reported?.attempt ?? null,
    level: 'info',
    message: 'The training goes on',
    data: progress,
    actor: { type: 'trainer' },
  };
}
