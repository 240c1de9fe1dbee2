import type { ReplayAnswer } from '@trainer/client';
import { defineCommand } from '../command.ts';
import { createClient } from '../create-client.ts';
import { EXIT } from '../exit-codes.ts';
import { printAnswer } from '../print-answer.ts';
import { toLine } from '../printable.ts';
import { UsageError } from '../usage-error.ts';

/** Has the callback of one job, or those of one state, sent again. */
export const replay = defineCommand({
  name: 'replay',
  subjects: ['[ID]'],
  options: ['state'],
  usage: [
    ['replay ID', 'sends the newest callback of a job again'],
    ['replay --state STATE', 'sends all final callbacks of a state again, 1,000 a request'],
  ],
  async run({ subjects: [jobId], state, ...args }, context) {
    const { env, signal, stderr } = context;
    const wanted = toWanted(jobId, state);
    const client = createClient(env);
    let answer = await client.replayMany(wanted, { signal });
    try {
      while ('state' in wanted && answer.next_cursor) {
        const query = { ...wanted, cursor: answer.next_cursor };
        answer = join(answer, await client.replayMany(query, { signal }));
      }
    } finally {
      // Also where a later request failed, since these are on their way.
      printAnswer(answer, toText, args, context);
      for (const { detail } of answer.refused) stderr.write(`${toLine(detail)}\n`);
    }
    return answer.refused.length === 0 ? EXIT.ok : EXIT.refused;
  },
});

function toWanted(jobId: string | undefined, state: string | undefined) {
  if (state !== undefined && jobId === undefined) return { state };
  if (jobId !== undefined && state === undefined) return { job_ids: [jobId] };
  throw new UsageError('replay needs an id or --state, one of both: trainer --help tells more.');
}

function join(before: ReplayAnswer, next: ReplayAnswer): ReplayAnswer {
  return {
    ...next,
    replayed: [...before.replayed, ...next.replayed],
    refused: [...before.refused, ...next.refused],
  };
}

function toText({ replayed }: ReplayAnswer): string {
  return replayed.map((id) => `${toLine(id)} will be sent again\n`).join('');
}
