import type { TrainingRequest } from '@trainer/client';
import { defineCommand } from '../command.ts';
import { createClient } from '../create-client.ts';
import { EXIT } from '../exit-codes.ts';
import { printAnswer } from '../print-answer.ts';
import { readRequest } from '../read-request.ts';
import { toTable } from '../table.ts';
import { parseTimeout, waitForEnd } from '../wait-for-end.ts';

/** Submits the request in a file. */
export const submit = defineCommand({
  name: 'submit',
  subjects: ['FILE'],
  options: ['wait', 'timeout'],
  usage: [['submit FILE [--wait]', 'submits the request in a JSON or YAML file']],
  async run({ subjects: [file], ...args }, context) {
    const timeoutMs = parseTimeout(args.timeout);
    const client = createClient(context.env);
    // The service judges it.
    const request = (await readRequest(file, context.stdin)) as TrainingRequest;
    const { job } = await client.submit(request, { signal: context.signal });
    if (args.wait) return waitForEnd(client, job.job_id, { ...args, timeoutMs }, context);
    printAnswer(job, toTable, args, context);
    return EXIT.ok;
  },
});
