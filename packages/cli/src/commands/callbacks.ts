import type { CallbackPatch, CallbackSettings } from '@trainer/client';
import { defineCommand } from '../command.ts';
import { createClient } from '../create-client.ts';
import { EXIT } from '../exit-codes.ts';
import { printAnswer } from '../print-answer.ts';
import { readRequest } from '../read-request.ts';
import { toRows } from '../table.ts';

/** Changes where the callbacks of a job go. A file, since arguments can be seen by other users. */
export const callbacks = defineCommand({
  name: 'callbacks',
  subjects: ['ID', 'FILE'],
  options: [],
  usage: [['callbacks ID FILE', 'changes where callbacks go, by the merge patch in a file']],
  async run({ subjects: [jobId, file], ...args }, context) {
    const { env, signal, stdin } = context;
    const patch = (await readRequest(file, stdin)) as CallbackPatch;
    const settings = await createClient(env).changeCallbacks(jobId, patch, { signal });
    printAnswer(settings, toText, args, context);
    return EXIT.ok;
  },
});

function toText({ job_id, webhook_url, has_auth_header, event_filter }: CallbackSettings): string {
  return toRows({
    Job: job_id,
    Webhook: webhook_url ?? 'none',
    'Auth header': has_auth_header ? 'sent' : 'none',
    Events: event_filter?.join(', ') ?? 'all',
  });
}
