import { isEnded, type TrainerClient } from '@trainer/client';
import type { CliContext } from './cli-context.ts';
import { EXIT } from './exit-codes.ts';
import { printAnswer } from './print-answer.ts';
import { createProgressBar } from './progress-bar.ts';
import { toTable } from './table.ts';
import { UsageError } from './usage-error.ts';

/** Timers take no more. */
const LONGEST_MS = 2 ** 31 - 1;

interface Options {
  readonly timeoutMs: number | undefined;
  readonly json: boolean;
}

/** Waits until a job has ended, and prints it; the exit code says whether it has succeeded. */
export async function waitForEnd(
  client: TrainerClient,
  jobId: string,
  { timeoutMs, json }: Options,
  context: CliContext,
): Promise<number> {
  const bar = createProgressBar(context.stderr);
  try {
    const job = await client.wait(jobId, {
      signal: withTimeout(context.signal, timeoutMs),
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
 * How long to wait by `--timeout`, undefined without it. Asked for before anything is changed, which a
 * refusal would leave untold.
 * @throws UsageError where it is no number of seconds that can be waited for.
 */
export function parseTimeout(seconds: string | undefined): number | undefined {
  if (seconds === undefined) return undefined;
  // Timers take whole numbers only, and a fraction times 1000 is often none.
  const ms = Math.ceil(Number(seconds) * 1000);
  if (ms > 0 && ms <= LONGEST_MS) return ms;
  const most = LONGEST_MS / 1000;
  throw new UsageError(`--timeout must be a number of seconds, more than 0 and at most ${most}.`);
}

/** A signal that is aborted after so long, too. */
export function withTimeout(signal: AbortSignal, ms: number | undefined): AbortSignal {
  return ms === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(ms)]);
}
