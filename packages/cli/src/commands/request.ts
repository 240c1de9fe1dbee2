import type { TrainerClient } from '@trainer/client';
import type { CliContext } from '../cli-context.ts';
import { printable } from '../table.ts';
import { EXIT } from '../usage.ts';

/** Prints the request of a job, so that it can be read, changed and submitted again. */
export async function showRequest(
  client: TrainerClient,
  {
    jobId,
    resolved,
    json,
  }: { readonly jobId: string; readonly resolved: boolean; readonly json: boolean },
  { signal, stdout, stderr }: Pick<CliContext, 'signal' | 'stdout' | 'stderr'>,
): Promise<number> {
  const asked = await client.request(jobId, { signal });
  const shown = json ? asked : resolved ? asked.resolved_request : asked.request;
  if (shown === null) {
    const what = resolved ? 'with defaults cannot be told any more' : 'is not kept';
    stderr.write(printable(`The request of ${jobId} ${what}.\n`));
    return EXIT.refused;
  }
  stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
  if (!json && !resolved && asked.withheld.length > 0) {
    const places = asked.withheld.join(', ');
    stderr.write(printable(`Withheld, and to be given again by who submits it: ${places}\n`));
  }
  return EXIT.ok;
}
