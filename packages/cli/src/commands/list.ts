import type { JobList, TrainerClient } from '@trainer/client';
import type { CliContext } from '../cli-context.ts';
import { toColumns, toProgressText } from '../table.ts';
import { UsageError } from '../usage.ts';

interface Options {
  readonly status?: readonly string[] | undefined;
  readonly reason?: string | undefined;
  readonly model?: string | undefined;
  readonly method?: string | undefined;
  readonly provider?: string | undefined;
  readonly rerunOf?: string | undefined;
  readonly label?: readonly string[] | undefined;
  readonly limit?: string | undefined;
  readonly json: boolean;
}

/** Prints the newest jobs, and how many there are. */
export async function listJobs(
  client: TrainerClient,
  { status, label, limit, json, ...others }: Options,
  { signal, stdout }: Pick<CliContext, 'signal' | 'stdout'>,
): Promise<void> {
  const list = await client.list({
    ...(status && { status }),
    ...pickGiven(others),
    ...(label && { labels: parseLabels(label) }),
    ...(limit !== undefined && { limit: parseLimit(limit) }),
    signal,
  });
  stdout.write(json ? `${JSON.stringify(list, null, 2)}\n` : toText(list));
}

function pickGiven({ reason, model, method, provider, rerunOf }: Omit<Options, 'json'>) {
  return {
    ...(reason !== undefined && { reason }),
    ...(model !== undefined && { model }),
    ...(method !== undefined && { method }),
    ...(provider !== undefined && { provider }),
    ...(rerunOf !== undefined && { rerunOf }),
  };
}

function parseLabels(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const [key = '', ...value] = text.split('=');
      if (key !== '' && value.length > 0) return [key, value.join('=')];
      throw new UsageError('--label must be KEY=VALUE.');
    }),
  );
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
    job.model ?? '',
    job.method ?? '',
    String(job.gpus ?? ''),
    job.status === 'running' ? (toProgressText(job) ?? job.phase ?? '') : '',
    job.timestamps.created_at ?? '',
  ]);
  const head = ['JOB', 'STATUS', 'REASON', 'MODEL', 'METHOD', 'GPUS', 'PROGRESS', 'CREATED'];
  const lines = rows.length === 0 ? [] : toColumns([head, ...rows]);
  const total = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  return `${[...lines, ...(hasMore ? ['…'] : []), total.join(', ')].join('\n')}\n`;
}
