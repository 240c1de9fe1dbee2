import { defineCommand } from '../command.ts';
import { createClient } from '../create-client.ts';
import { EXIT } from '../exit-codes.ts';
import { printAnswer } from '../print-answer.ts';
import { toTable } from '../table.ts';

/** Shows a job. */
export const status = defineCommand({
  name: 'status',
  subjects: ['ID'],
  options: [],
  usage: [['status ID', 'shows a job']],
  async run({ subjects: [jobId], ...args }, context) {
    const job = await createClient(context.env).get(jobId, { signal: context.signal });
    printAnswer(job, toTable, args, context);
    return EXIT.ok;
  },
});
