import { type JobList, LIST_FILTERS } from '@trainer/client';
import { defineCommand } from '../command.ts';
import { createClient } from '../create-client.ts';
import { EXIT } from '../exit-codes.ts';
import { FILTER_OPTIONS, type FilterOption } from '../options.ts';
import { parseWholeNumber } from '../parse-whole-number.ts';
import { printAnswer } from '../print-answer.ts';
import { toColumns, toProgressText } from '../table.ts';
import { UsageError } from '../usage-error.ts';

/** Lists the newest jobs, and how many there are. */
export const list = defineCommand({
  name: 'list',
  subjects: [],
  options: ['status', ...FILTER_OPTIONS, 'label', 'limit'],
  usage: [['list', 'lists the newest jobs, and how many there are']],
  async run({ status, label, limit, ...args }, context) {
    const { env, signal } = context;
    const answer = await createClient(env).list({
      ...(status && { status }),
      ...toFilters(args),
      ...(label && { labels: parseLabels(label) }),
      ...(limit !== undefined && { limit: parseWholeNumber('limit', limit, 1) }),
      signal,
    });
    printAnswer(answer, toText, args, context);
    return EXIT.ok;
  },
});

/** As the client names them. */
function toFilters(given: Readonly<Partial<Record<FilterOption, string | undefined>>>) {
  const filters = Object.entries(LIST_FILTERS).map(([key, name]) => [
    key,
    given[name.replaceAll('_', '-') as FilterOption],
  ]);
  return Object.fromEntries(filters.filter(([, value]) => value !== undefined));
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
