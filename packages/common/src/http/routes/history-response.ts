import type { JobRecord } from '../../jobs/job.ts';
import type { JobEvent } from '../../jobs/job-event.ts';
import type { HistoryEvent } from '../../requests/history.ts';

/** An event as clients read it. */
export function toHistoryEvent({ id }: Pick<JobRecord, 'id'>, event: JobEvent): HistoryEvent {
  return {
    id: event.id,
    type: event.type,
    job_id: id,
    time: new Date(event.timeMs).toISOString(),
    attempt: event.attempt ?? null,
    level: event.level,
    message: event.message,
    data: { ...event.data },
    actor: event.actor,
  };
}
