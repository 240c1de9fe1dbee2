import { isLogEnd, type LogLine, type TrainerClient } from '@trainer/client';
import type { CliContext } from '../cli-context.ts';
import { printable } from '../table.ts';
import { EXIT, UsageError } from '../usage.ts';

export interface LogArguments {
  readonly jobId: string;
  readonly json: boolean;
  readonly follow: boolean;
  readonly previous: boolean;
  readonly node?: string | undefined;
  readonly attempt?: string | undefined;
  readonly tail?: string | undefined;
  readonly since?: string | undefined;
}

/** What ended a log that is not there any more. */
const GONE: Readonly<Record<string, string>> = {
  POD_GONE: 'The pods of the job are gone, and their log',
  RUN_GONE: 'The run of the job is gone, and its log',
  CREDENTIALS_GONE: 'The credentials of the job are deleted, so that its log cannot be masked',
};
const BROKEN = 'The log broke off; ask for it again';

/** Prints what a job writes, and follows it where that is asked for. */
export async function showLogs(
  client: TrainerClient,
  { jobId, json, follow, previous, node, attempt, tail, since }: LogArguments,
  { signal, stdout, stderr }: Pick<CliContext, 'signal' | 'stdout' | 'stderr'>,
): Promise<number> {
  const items = client.logs(jobId, {
    ...{ follow, previous, signal },
    ...(node !== undefined && { node: parseNumber('node', node) }),
    ...(attempt !== undefined && { attempt: parseNumber('attempt', attempt) }),
    ...(tail !== undefined && { tail: parseNumber('tail', tail) }),
    ...(since !== undefined && { since }),
  });
  for await (const item of items) {
    if (json) stdout.write(`${JSON.stringify(item)}\n`);
    else if (!isLogEnd(item)) stdout.write(printable(toText(item)));
    if (!isLogEnd(item)) continue;
    const { reason, archive } = item;
    if (reason === 'LOG_READ' || reason === 'JOB_ENDED') return EXIT.ok;
    const where = archive === null ? '' : `; all of it is kept at ${archive}`;
    stderr.write(printable(`${GONE[reason] ?? BROKEN}${where}.\n`));
    return GONE[reason] === undefined ? EXIT.unavailable : EXIT.refused;
  }
  return EXIT.unavailable;
}

function toText({ node, line }: LogLine): string {
  return `${node === 0 ? '' : `[node ${node}] `}${line}\n`;
}

function parseNumber(option: string, given: string): number {
  if (/^\d{1,6}$/.test(given)) return Number(given);
  throw new UsageError(`--${option} must be a whole number.`);
}
