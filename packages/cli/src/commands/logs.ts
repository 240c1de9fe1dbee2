import { isLogEnd, type LogLine } from '@trainer/client';
import { defineCommand } from '../command.ts';
import { createClient } from '../create-client.ts';
import { EXIT } from '../exit-codes.ts';
import { parseWholeNumber } from '../parse-whole-number.ts';
import { printable, toJson } from '../printable.ts';

/** What ended a log that is not there any more. */
const GONE: Readonly<Record<string, string>> = {
  POD_GONE: 'The pods of the job are gone, and their log',
  RUN_GONE: 'The run of the job is gone, and its log',
  CREDENTIALS_GONE: 'The credentials of the job are deleted, so that its log cannot be masked',
};
const BROKEN = 'The log broke off; ask for it again';

/** Prints what a job writes, and follows it where that is asked for. */
export const logs = defineCommand({
  name: 'logs',
  subjects: ['ID'],
  options: ['follow', 'tail', 'since', 'node', 'attempt', 'previous'],
  usage: [['logs [-f] ID', 'prints what a job writes; -f: until it has ended']],
  async run({ subjects: [jobId], json, since, ...args }, { env, signal, stdout, stderr }) {
    const items = createClient(env).logs(jobId, {
      ...{ follow: args.follow, previous: args.previous, signal },
      ...(args.node !== undefined && { node: parseWholeNumber('node', args.node) }),
      ...(args.attempt !== undefined && { attempt: parseWholeNumber('attempt', args.attempt) }),
      ...(args.tail !== undefined && { tail: parseWholeNumber('tail', args.tail) }),
      ...(since !== undefined && { since }),
    });
    for await (const item of items) {
      if (json) stdout.write(`${toJson(item)}\n`);
      else if (!isLogEnd(item)) stdout.write(printable(toText(item)));
      if (!isLogEnd(item)) continue;
      const { reason, archive } = item;
      if (reason === 'LOG_READ' || reason === 'JOB_ENDED') return EXIT.ok;
      const where = archive === null ? '' : `; all of it is kept at ${archive}`;
      stderr.write(printable(`${GONE[reason] ?? BROKEN}${where}.\n`));
      return GONE[reason] === undefined ? EXIT.unavailable : EXIT.refused;
    }
    return EXIT.unavailable;
  },
});

function toText({ node, line }: LogLine): string {
  return `${node === 0 ? '' : `[node ${node}] `}${line}\n`;
}
