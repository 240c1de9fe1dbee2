import type { Logger } from 'pino';
import { isTerminal, type JobRecord } from './job.ts';

/** What every line about a job names it by; without a record, only the name may be known. */
export type JobIdentity = Pick<JobRecord, 'name'> & { readonly id?: string | undefined };

/** The fields of a log line by which operators find a job; no line names one in any other way. */
export function toLogged({ id, name }: JobIdentity): Record<string, string | undefined> {
  return { job_id: id, backend_job_id: name };
}

/** Writes a line for the start and the end of a job, and of a standstill of it, that a change of its record tells. */
export function logProgress(logger: Logger, before: JobRecord, after: JobRecord): void {
  const { status, reason, startedAtMs } = after.state;
  const job = toLogged(after);
  // One that ran for a moment only may never have been seen to.
  if (startedAtMs !== undefined && before.state.startedAtMs === undefined) {
    logger.info({ ...job, started_at: new Date(startedAtMs).toISOString() }, 'job started');
  }
  if (isTerminal(status) && !isTerminal(before.state.status)) {
    logger.info({ ...job, status, reason }, 'job ended');
  }
  const stalledBy = after.reported?.stalled?.owner;
  if (isTerminal(status) || stalledBy === before.reported?.stalled?.owner) return;
  if (stalledBy === undefined) logger.info(job, 'training goes on');
  else logger.warn({ ...job, owner: stalledBy }, 'training stands still');
}
