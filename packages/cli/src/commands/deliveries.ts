import type { DeliveryList } from '@trainer/client';
import { defineCommand } from '../command.ts';
import { createClient } from '../create-client.ts';
import { EXIT } from '../exit-codes.ts';
import { parseWholeNumber } from '../parse-whole-number.ts';
import { printAnswer } from '../print-answer.ts';
import { readPages } from '../read-pages.ts';
import { toColumns, toCountsText } from '../table.ts';

/** As the service takes it. */
export const LARGEST_PAGE = 1000;

/** Lists the final callbacks, those that ended last first. */
export const deliveries = defineCommand({
  name: 'deliveries',
  subjects: [],
  options: ['state', 'limit'],
  usage: [['deliveries', 'lists the final callbacks of all jobs']],
  async run({ state, limit, ...args }, context) {
    const { env, signal, stdout } = context;
    const client = createClient(env);
    const filters = state === undefined ? {} : { state: [state] };
    const wanted = limit === undefined ? undefined : parseWholeNumber('limit', limit, 1);
    const read = (query: object) => client.listDeliveries({ ...filters, ...query, signal });
    const answer = await readPages(read, { wanted, largest: LARGEST_PAGE });
    printAnswer(answer, (told) => toText(told, stdout.columns), args, context);
    return EXIT.ok;
  },
});

const HEAD = ['JOB', 'STATE', 'ATTEMPTS', 'ANSWER', 'WEBHOOK', 'ENDED', 'ERROR'];
const ALWAYS_SHOWN = 5;

function toText({ data, has_more: hasMore, counts }: DeliveryList, width: number | undefined) {
  const rows = data.map((row) => [
    row.job_id,
    row.state,
    String(row.attempt_count),
    String(row.last_status ?? ''),
    row.origin ?? '',
    row.ended_at ?? '',
    row.last_error ?? '',
  ]);
  const lines =
    rows.length === 0 ? [] : toColumns([HEAD, ...rows], { width, atLeast: ALWAYS_SHOWN });
  return `${[...lines, ...(hasMore ? ['…'] : []), toCountsText(counts)].join('\n')}\n`;
}
