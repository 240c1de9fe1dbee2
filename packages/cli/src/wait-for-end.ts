import { isEnded, type TrainerClient } from '@trainer/client';
import type { CliContext } from './cli-context.ts';
import { EXIT } from './exit-codes.ts';
import { printAnswer } from './print-answer.ts';
import { createProgressBar } from './progress-bar.ts';
import { toTable } from './table.ts';
import { UsageError } from './usage-error.ts';

interface Options {
  readonly timeout?: string | undefined;
  readonly json: boolean;
}

/** Waits until a job has ended, and prints it; the exit code says whether it has succeeded. */
export async function waitForEnd(
  client: TrainerClient,
  jobId: string,
  { timeout, json }: Options,
  context: CliContext,
): Promise<number> {
  const bar = createProgressBar(context.stderr);
  try {
    const job = await client.wait(jobId, {
      signal: withTimeout(context.signal, timeout),
      onProgress: (seen) => {
        if (!isEnded(seen)) bar.show(seen);
      },
    });
    bar.end();
    printAnswer(job, toTable, { json }, context);
    return job.status === 'succeeded' ? EXIT.ok : EXIT.jobNotSucceeded;
  } finally {
    bar.end();
  }
}

/**
 * A signal that is aborted after so many seconds, too.
 * @throws UsageError where they are no number.
 */
export function withTimeout(signal: AbortSignal, seconds: string | undefined): AbortSignal {
  if (seconds === undefined) return signal;
  const ms = Number(seconds) * 1000;
  if (ms > 0 && ms < 2 ** 31) return AbortSignal.any([signal, AbortSignal.timeout(ms)]);
  throw new UsageError('--timeout must be a number of seconds, more than 0.');
}
