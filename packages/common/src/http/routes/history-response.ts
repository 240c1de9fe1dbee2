import type { JobRecord } from '../../jobs/job.ts';
import type { JobEvent } from '../../jobs/job-event.ts';
import type { HistoryEvent } from '../../requests/history.ts';

/** An event as clients read it. */
export function toHistoryEvent({ id }: Pick<JobRecord, 'id'>, event: JobEvent): HistoryEvent {
  const { timeMs, attempt, ...rest } = event;
  return {
    id: rest.id,
    type: rest.type,
    job_id: id,
    time: new Date(timeMs).toISOString(),
    attempt: attempt ?? null,
    level: rest.level,
    message: rest.message,
    data: { ...rest.data },
    actor: { ...rest.actor },
  };
}
