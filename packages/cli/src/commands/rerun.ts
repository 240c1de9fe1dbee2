import { type Job, type RerunRequest, type TrainerClient, toNextId } from '@trainer/client';
import type { CliContext } from '../cli-context.ts';
import { readRequest } from '../read-request.ts';
import { UsageError } from '../usage.ts';

interface Options {
  /** The ended job. */
  readonly subject: string;
  /** Of the changes; a file, since arguments can be seen by other users. */
  readonly file?: string | undefined;
  readonly as?: string | undefined;
  readonly from?: string | undefined;
}

/** Runs an ended job again, as a new one. */
export async function rerunJob(
  client: TrainerClient,
  { subject, file, as = toNextId(subject), from = 'start' }: Options,
  { signal, stdin }: Pick<CliContext, 'signal' | 'stdin'>,
): Promise<Job> {
  if (from !== 'start' && from !== 'checkpoint') {
    throw new UsageError('--from must be start or checkpoint.');
  }
  const changes = file === undefined ? undefined : await readRequest(file, stdin);
  const request = { job_id: as, from, ...(changes !== undefined && { changes }) } as RerunRequest;
  return (await client.rerun(subject, request, { signal })).job;
}
