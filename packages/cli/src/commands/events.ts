import type { History, TrainerClient } from '@trainer/client';
import type { CliContext } from '../cli-context.ts';
import { printable, toColumns } from '../table.ts';

/** Prints what happened to a job, oldest first, and who had it done. */
export async function showHistory(
  client: TrainerClient,
  { jobId, json }: { readonly jobId: string; readonly json: boolean },
  { signal, stdout }: Pick<CliContext, 'signal' | 'stdout'>,
): Promise<void> {
  const history = await client.history(jobId, { signal });
  stdout.write(json ? `${JSON.stringify(history, null, 2)}\n` : printable(toText(history)));
}

function toText({ data }: History): string {
  if (data.length === 0) return 'Nothing is known of what happened to it.\n';
  const rows = data.map((event) => [
    event.time,
    event.type.replace(/^job\./, ''),
    toName(event.actor),
    event.message,
  ]);
  return `${toColumns([['TIME', 'WHAT', 'BY', ''], ...rows]).join('\n')}\n`;
}

function toName({ type, name }: History['data'][number]['actor']): string {
  return type === 'token' ? (name ?? type) : type === 'system' ? '' : type;
}
