import type { CliContext } from './cli-context.ts';
import { toJson } from './printable.ts';

/** Prints an answer as JSON for programs, or as `toText` tells it to people. */
export function printAnswer<Answer>(
  answer: Answer,
  toText: (answer: Answer) => string,
  { json }: { readonly json: boolean },
  { stdout }: Pick<CliContext, 'stdout'>,
): void {
  stdout.write(json ? `${toJson(answer, 2)}\n` : toText(answer));
}
