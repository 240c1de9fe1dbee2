import { TrainerApiError } from '@trainer/client';
import type { CliContext } from './cli-context.ts';
import { EXIT } from './exit-codes.ts';
import { toHelp } from './help.ts';
import { parseCommand } from './parse-command.ts';
import { printable } from './printable.ts';
import { UsageError } from './usage-error.ts';

/** Runs one command; resolves with its exit code and never rejects for what a user can cause. */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  const { stdout, stderr, signal } = context;
  try {
    if (argv.length === 0) throw new UsageError(toHelp());
    const parsed = parseCommand(argv);
    if (parsed !== 'help') return await parsed.command.run(parsed.args, context);
    stdout.write(toHelp());
    return EXIT.ok;
  } catch (error) {
    if (signal.aborted) return EXIT.interrupted;
    if (error instanceof UsageError) {
      stderr.write(`${printable(error.message)}\n`);
      return EXIT.usage;
    }
    if (error instanceof TrainerApiError) {
      const id = error.problem?.request_id;
      const request = id === undefined ? '' : ` (request ${id})`;
      stderr.write(`${printable(`${error.message}${request}`)}\n`);
      const isRefusal = error.status !== undefined && error.status < 500 && !error.isPassing;
      return isRefusal ? EXIT.refused : EXIT.unavailable;
    }
    if ((error as Error).name === 'TimeoutError') {
      stderr.write('The time is over; the job goes on.\n');
      return EXIT.timeout;
    }
    throw error;
  }
}
