import { defineCommand } from '../command.ts';
import { createClient } from '../create-client.ts';
import { EXIT } from '../exit-codes.ts';

/** Deletes a job that has ended. */
export const forget = defineCommand({
  name: 'forget',
  subjects: ['ID'],
  options: ['force'],
  usage: [['forget ID [--force]', 'deletes a job that has ended, with its credentials']],
  async run({ subjects: [jobId], force }, { env, signal }) {
    await createClient(env).forget(jobId, { force, signal });
    return EXIT.ok;
  },
});
