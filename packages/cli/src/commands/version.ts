import type { Version } from '@trainer/client';
import { defineCommand } from '../command.ts';
import { createClient } from '../create-client.ts';
import { EXIT } from '../exit-codes.ts';
import { printAnswer } from '../print-answer.ts';
import { toRows } from '../table.ts';

/** Tells which release answers, and where it runs jobs. */
export const version = defineCommand({
  name: 'version',
  subjects: [],
  options: [],
  usage: [['version', 'which release the service is, and where it runs jobs']],
  async run(args, context) {
    const answer = await createClient(context.env).version({ signal: context.signal });
    printAnswer(answer, toText, args, context);
    return EXIT.ok;
  },
});

function toText({ version, api_level, runner, cluster, namespace }: Version): string {
  return toRows({
    Version: version,
    'API level': String(api_level),
    Runner: runner,
    Cluster: cluster,
    Namespace: namespace,
  });
}
