import type { CallbackPatch, TrainerClient } from '@trainer/client';
import type { CliContext } from '../cli-context.ts';
import { readRequest } from '../read-request.ts';
import { toRows } from '../table.ts';

/** Changes where the callbacks of a job go. A file, since arguments can be seen by other users. */
export async function changeCallbacks(
  client: TrainerClient,
  {
    subject,
    file,
    json,
  }: { readonly subject: string; readonly file: string; readonly json: boolean },
  { signal, stdin, stdout }: Pick<CliContext, 'signal' | 'stdin' | 'stdout'>,
): Promise<void> {
  const patch = (await readRequest(file, stdin)) as CallbackPatch;
  const settings = await client.changeCallbacks(subject, patch, { signal });
  if (json) stdout.write(`${JSON.stringify(settings, null, 2)}\n`);
  else {
    stdout.write(
      toRows({
        Job: settings.job_id,
        Webhook: settings.webhook_url ?? 'none',
        'Auth header': settings.has_auth_header ? 'sent' : 'none',
        Events: settings.event_filter?.join(', ') ?? 'all',
      }),
    );
  }
}
