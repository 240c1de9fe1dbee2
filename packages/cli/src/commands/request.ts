import { defineCommand } from '../command.ts';
import { createClient } from '../create-client.ts';
import { EXIT } from '../exit-codes.ts';
import { printable, toJson } from '../printable.ts';

/** Prints the request of a job, so that it can be read, changed and submitted again. */
export const request = defineCommand({
  name: 'request',
  subjects: ['ID'],
  options: ['resolved'],
  usage: [['request ID', 'prints the request of a job, without credentials']],
  async run({ subjects: [jobId], resolved, json }, { env, signal, stdout, stderr }) {
    const asked = await createClient(env).request(jobId, { signal });
    const shown = json ? asked : resolved ? asked.resolved_request : asked.request;
    if (shown === null) {
      const what = resolved ? 'with defaults cannot be told any more' : 'is not kept';
      stderr.write(printable(`The request of ${jobId} ${what}.\n`));
      return EXIT.refused;
    }
    stdout.write(`${toJson(shown, 2)}\n`);
    if (!json && !resolved && asked.withheld.length > 0) {
      const places = asked.withheld.join(', ');
      stderr.write(printable(`Withheld, and to be given again by who submits it: ${places}\n`));
    }
    return EXIT.ok;
  },
});
