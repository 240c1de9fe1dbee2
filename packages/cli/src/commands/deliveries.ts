import type { DeliveryList } from '@trainer/client';
import { defineCommand } from '../command.ts';
import { createClient } from '../create-client.ts';
import { EXIT } from '../exit-codes.ts';
import { printAnswer } from '../print-answer.ts';
import { printable } from '../table.ts';

/** Lists the final callbacks, those that ended last first. */
export const deliveries = defineCommand({
  name: 'deliveries',
  subjects: [],
  options: ['state'],
  usage: [['deliveries', 'lists the final callbacks of all jobs']],
  async run({ state, ...args }, context) {
    const { env, signal } = context;
    const wanted = state === undefined ? {} : { state: [state] };
    const list = await createClient(env).listDeliveries({ ...wanted, signal });
    printAnswer(list, toText, args, context);
    return EXIT.ok;
  },
});

function toText({ data, has_more: hasMore, counts }: DeliveryList): string {
  const lines = data.map(({ job_id, state, origin, attempt_count, last_status, last_error }) =>
    [job_id, state, origin ?? '-', `${attempt_count}x`, last_status ?? '-', last_error ?? ''].join(
      '  ',
    ),
  );
  const total = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  return printable(`${[...lines, ...(hasMore ? ['…'] : []), total.join(', ')].join('\n')}\n`);
}
