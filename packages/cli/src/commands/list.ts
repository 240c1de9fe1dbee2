import { type JobList, LIST_FILTERS } from '@trainer/client';
import { defineCommand } from '../command.ts';
import { createClient } from '../create-client.ts';
import { EXIT } from '../exit-codes.ts';
import { FILTER_OPTIONS, type FilterOption } from '../options.ts';
import { parseWholeNumber } from '../parse-whole-number.ts';
import { printAnswer } from '../print-answer.ts';
import { readPages } from '../read-pages.ts';
import { toColumns, toCountsText, toProgressText } from '../table.ts';
import { UsageError } from '../usage-error.ts';

/** As the service takes it. */
export const LARGEST_PAGE = 200;

/** Lists the newest jobs, and how many there are. */
export const list = defineCommand({
  name: 'list',
  subjects: [],
  options: ['status', ...FILTER_OPTIONS, 'label', 'limit'],
  usage: [['list', 'lists the newest jobs, and how many there are']],
  async run({ status, label, limit, ...args }, context) {
    const { env, signal, stdout } = context;
    const client = createClient(env);
    const filters = {
      ...(status && { status }),
      ...toFilters(args),
      ...(label && { labels: parseLabels(label) }),
    };
    const wanted = limit === undefined ? undefined : parseWholeNumber('limit', limit, 1);
    const read = (query: object) => client.list({ ...filters, ...query, signal });
    const answer = await readPages(read, { wanted, largest: LARGEST_PAGE });
    printAnswer(answer, (told) => toText(told, stdout.columns), args, context);
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

type Row = JobList['data'][number];

/** The most telling first, since a narrow terminal has no room for the last. */
const COLUMNS: Readonly<Record<string, (job: Row) => string>> = {
  JOB: (job) => job.job_id,
  STATUS: (job) => job.status,
  PHASE: (job) => (job.status === 'running' ? (job.phase ?? '') : ''),
  REASON: (job) => job.reason,
  PROGRESS: (job) => (job.status === 'running' ? (toProgressText(job) ?? '') : ''),
  CREATED: (job) => job.timestamps.created_at ?? '',
  MODEL: (job) => job.model ?? '',
  METHOD: (job) => job.method ?? '',
  GPUS: (job) => String(job.gpus ?? ''),
};
const ALWAYS_SHOWN = 4;

function toText({ data, has_more: hasMore, counts }: JobList, width: number | undefined): string {
  const hasFamilies = data.some((job) => toFamilyText(job) !== '');
  const columns = Object.entries({ ...COLUMNS, ...(hasFamilies && { RERUN: toFamilyText }) });
  const head = columns.map(([name]) => name);
  const rows = data.map((job) => columns.map(([, toCell]) => toCell(job)));
  const lines =
    data.length === 0 ? [] : toColumns([head, ...rows], { width, atLeast: ALWAYS_SHOWN });
  return `${[...lines, ...(hasMore ? ['…'] : []), toCountsText(counts)].join('\n')}\n`;
}

/** Of what it was made, and how often it was run again; services before reruns tell neither. */
function toFamilyText({ rerun_of: origin, reruns }: Partial<Row>): string {
  const count = reruns?.length ?? 0;
  const parts = [
    ...(origin ? [`of ${origin}`] : []),
    ...(count > 0 ? [`${count} time${count === 1 ? '' : 's'}`] : []),
  ];
  return parts.join(', ');
}
