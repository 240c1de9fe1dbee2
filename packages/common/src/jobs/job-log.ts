import type { Logger } from 'pino';
import { isTerminal, type JobRecord } from './job.ts';

/** What every line about a job names it by. */
export type JobIdentity = Pick<JobRecord, 'id' | 'name'>;

export function toLogged({ id, name }: JobIdentity): Record<string, string> {
  return { job_id: id, backend_job_id: name };
}

/** Writes a line where a change of a record is the start or the end of its job. */
export function logProgress(logger: Logger, before: JobRecord, after: JobRecord): void {
  const { status, reason, startedAtMs } = after.state;
  const line = { ...toLogged(after), status, reason };
  if (isTerminal(status) && !isTerminal(before.state.status)) logger.info(line, 'job ended');
  else if (startedAtMs !== undefined && before.state.startedAtMs === undefined) {
    logger.info(line, 'job started');
  }
}
