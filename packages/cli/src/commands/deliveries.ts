import type { DeliveryList, TrainerClient } from '@trainer/client';
import type { CliContext } from '../cli-context.ts';
import { printable } from '../table.ts';

interface Options {
  readonly state?: string | undefined;
  readonly json: boolean;
}

/** Prints the final callbacks, those that ended last first. */
export async function listDeliveries(
  client: TrainerClient,
  { state, json }: Options,
  { signal, stdout }: Pick<CliContext, 'signal' | 'stdout'>,
): Promise<void> {
  const list = await client.listDeliveries({
    ...(state !== undefined && { state: [state] }),
    signal,
  });
  stdout.write(json ? `${JSON.stringify(list, null, 2)}\n` : toText(list));
}

/** Has the callback of one job, or those of one state, sent again. */
export async function replayDeliveries(
  client: TrainerClient,
  subject: string,
  { state, json }: Options,
  { signal, stdout, stderr }: Pick<CliContext, 'signal' | 'stdout' | 'stderr'>,
): Promise<boolean> {
  const wanted = state === undefined ? { job_ids: [subject] } : { state };
  const answer = await client.replayMany(wanted, { signal });
  if (json) stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
  else for (const id of answer.replayed) stdout.write(`${printable(id)} will be sent again\n`);
  for (const { detail } of answer.refused) stderr.write(`${printable(detail)}\n`);
  if (answer.has_more) stderr.write('There are more of them: ask again.\n');
  return answer.refused.length === 0;
}

function toText({ data, has_more: hasMore, counts }: DeliveryList): string {
  const lines = data.map(({ job_id, state, origin, attempt_count, last_status, last_error }) =>
    [job_id, state, origin ?? '-', `${attempt_count}x`, last_status ?? '-', last_error ?? ''].join(
      '  ',
    ),
  );
  const total = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  return printable(`${[...lines, ...(hasMore ? ['…'] : []), total.join(', ')].join('\n')}\n`);
}
