import { defineCommand } from '../command.ts';
import { createClient } from '../create-client.ts';
import { EXIT } from '../exit-codes.ts';
import { printAnswer } from '../print-answer.ts';
import { toTable } from '../table.ts';

/** Asks for the end of a job. */
export const cancel = defineCommand({
  name: 'cancel',
  subjects: ['ID'],
  options: ['save'],
  usage: [['cancel ID [--save]', 'asks for the end of a job; --save: with a checkpoint before']],
  async run({ subjects: [jobId], save, ...args }, context) {
    const { env, signal } = context;
    const job = await createClient(env).cancel(jobId, { save, signal });
    printAnswer(job, toTable, args, context);
    return EXIT.ok;
  },
});
