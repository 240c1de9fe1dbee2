import type { JobList, TrainerClient } from '@trainer/client';
import type { CliContext } from './cli-context.ts';
import { toColumns, toProgressText } from './table.ts';
import { UsageError } from './usage.ts';

interface Options {
  readonly status?: readonly string[] | undefined;
  readonly reason?: string | undefined;
  readonly limit?: string | undefined;
  readonly json: boolean;
}

/** Prints the newest jobs, and how many there are. */
export async function listJobs(
  client: TrainerClient,
  { status, reason, limit, json }: Options,
  { signal, stdout }: Pick<CliContext, 'signal' | 'stdout'>,
): Promise<void> {
  const list = await client.list({
    ...(status && { status }),
    ...(reason !== undefined && { reason }),
    ...(limit !== undefined && { limit: parseLimit(limit) }),
    signal,
  });
  stdout.write(json ? `${JSON.stringify(list, null, 2)}\n` : toText(list));
}

function parseLimit(given: string): number {
  const limit = Number(given);
  if (Number.isInteger(limit) && limit >= 1) return limit;
  throw new UsageError('--limit must be a whole number, at least 1.');
}

function toText({ data, has_more: hasMore, counts }: JobList): string {
  const rows = data.map((job) => [
    job.job_id,
    job.status,
    job.reason,
    job.status === 'running' ? (toProgressText(job) ?? job.phase ?? '') : '',
    job.timestamps.created_at ?? '',
  ]);
  const head = ['JOB', 'STATUS', 'REASON', 'PROGRESS', 'CREATED'];
  const lines = rows.length === 0 ? [] : toColumns([head, ...rows]);
  const total = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  return `${[...lines, ...(hasMore ? ['…'] : []), total.join(', ')].join('\n')}\n`;
}
