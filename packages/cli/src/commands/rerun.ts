import { type RerunRequest, toNextId } from '@trainer/client';
import { defineCommand } from '../command.ts';
import { createClient } from '../create-client.ts';
import { EXIT } from '../exit-codes.ts';
import { printAnswer } from '../print-answer.ts';
import { readRequest } from '../read-request.ts';
import { toTable } from '../table.ts';
import { UsageError } from '../usage-error.ts';
import { parseTimeout, waitForEnd } from '../wait-for-end.ts';

/** Runs an ended job again, as a new one. The changes are a file, since arguments can be seen by other users. */
export const rerun = defineCommand({
  name: 'rerun',
  subjects: ['ID', '[FILE]'],
  options: ['as', 'from', 'wait', 'timeout'],
  usage: [['rerun ID [FILE]', 'runs an ended job again, as a new one, with the changes in a file']],
  async run({ subjects: [jobId, file], as = toNextId(jobId), from = 'start', ...args }, context) {
    if (from !== 'start' && from !== 'checkpoint') {
      throw new UsageError('--from must be start or checkpoint.');
    }
    const timeoutMs = parseTimeout(args.timeout);
    const client = createClient(context.env);
    const changes = file === undefined ? undefined : await readRequest(file, context.stdin);
    const request = { job_id: as, from, ...(changes !== undefined && { changes }) } as RerunRequest;
    const { job } = await client.rerun(jobId, request, { signal: context.signal });
    if (args.wait) return waitForEnd(client, job.job_id, { ...args, timeoutMs }, context);
    printAnswer(job, toTable, args, context);
    return EXIT.ok;
  },
});
