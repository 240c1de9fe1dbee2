import type { JobView } from '../../jobs/observation.ts';

/** What a training says that passes, as an event of a stream; of one kind, the next says all that this one does. */
export interface PassingEvent {
  readonly type: 'job.progress' | 'job.metrics';
  /** What it says, apart from when. */
  readonly said: string;
  readonly toData: (nowMs: number) => object;
}

/** How far a training is and what it measured last, as far as it says so. */
export function toPassingEvents({ record, progress }: JobView): PassingEvent[] {
  if (progress === undefined) return [];
  const { metrics } = progress;
  const toEvent = (type: PassingEvent['type'], message: string, data: object): PassingEvent => ({
    type,
    said: JSON.stringify(data),
    toData: (nowMs) => ({
      type,
      job_id: record.id,
      time: new Date(nowMs).toISOString(),
      attempt: record.reported?.attempt ?? null,
      level: 'info',
      message,
      data,
      actor: { type: 'trainer' },
    }),
  });
  const events = [toEvent('job.progress', 'The training goes on', progress)];
  if (Object.keys(metrics).length > 0) {
    events.push(toEvent('job.metrics', 'The training has measured', { metrics }));
  }
  return events;
}
