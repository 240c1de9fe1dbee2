import type { CliContext } from './cli-context.ts';

/** Prints an answer as JSON for programs, or as `toText` tells it to people. */
export function printAnswer<Answer>(
  answer: Answer,
  toText: (answer: Answer) => string,
  { json }: { readonly json: boolean },
  { stdout }: Pick<CliContext, 'stdout'>,
): void {
  stdout.write(json ? `${JSON.stringify(answer, null, 2)}\n` : toText(answer));
}
