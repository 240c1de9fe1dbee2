import { defineCommand } from '../command.ts';
import { createClient } from '../create-client.ts';
import { parseTimeout, waitForEnd } from '../wait-for-end.ts';

/** Waits until a job has ended. */
export const wait = defineCommand({
  name: 'wait',
  subjects: ['ID'],
  options: ['timeout'],
  usage: [['wait ID', 'waits until a job has ended, with a progress bar']],
  run({ subjects: [jobId], timeout, json }, context) {
    const options = { timeoutMs: parseTimeout(timeout), json };
    return waitForEnd(createClient(context.env), jobId, options, context);
  },
});
