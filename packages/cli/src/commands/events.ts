import type { History } from '@trainer/client';
import { defineCommand } from '../command.ts';
import { createClient } from '../create-client.ts';
import { EXIT } from '../exit-codes.ts';
import { printAnswer } from '../print-answer.ts';
import { toColumns } from '../table.ts';

/** Shows what happened to a job, oldest first, and who had it done. */
export const events = defineCommand({
  name: 'events',
  subjects: ['ID'],
  options: [],
  usage: [['events ID', 'shows what happened to a job, and who had it done']],
  async run({ subjects: [jobId], ...args }, context) {
    const history = await createClient(context.env).history(jobId, { signal: context.signal });
    printAnswer(history, toText, args, context);
    return EXIT.ok;
  },
});

function toText({ data }: History): string {
  if (data.length === 0) return 'Nothing is known of what happened to it.\n';
  const rows = data.map((event) => [
    event.time,
    event.type.replace(/^job\./, ''),
    toName(event.actor),
    event.message,
  ]);
  return `${toColumns([['TIME', 'WHAT', 'BY', ''], ...rows]).join('\n')}\n`;
}

function toName({ type, name }: History['data'][number]['actor']): string {
  return type === 'token' ? (name ?? type) : type === 'system' ? '' : type;
}
