import type { parseArgs } from 'node:util';
import type { CliContext } from './cli-context.ts';
import type { OPTIONS, OptionName } from './options.ts';

/** What stands after the name of a command; what is in brackets may be left out. */
export type Subject = 'ID' | 'FILE' | '[ID]' | '[FILE]' | '[NAME]' | '[ID…]';

/** All options as they were typed. */
export type OptionValues = ReturnType<
  typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>
>['values'];

type SubjectValues<Subjects extends readonly Subject[]> = Subjects extends readonly ['[ID…]']
  ? readonly string[]
  : {
      readonly [Index in keyof Subjects]: Subjects[Index] extends `[${string}`
        ? string | undefined
        : string;
    };

/** What was typed, as far as a command knows of it. */
export type Arguments<
  Name extends OptionName = OptionName,
  Subjects extends readonly Subject[] = readonly Subject[],
> = Pick<OptionValues, Name | 'json'> & { readonly subjects: SubjectValues<Subjects> };

/** One command: all that parser and help know of it, and what it does. */
export interface Command<
  Name extends OptionName = OptionName,
  Subjects extends readonly Subject[] = readonly Subject[],
> {
  readonly name: string;
  readonly subjects: Subjects;
  /** Besides those of every command. */
  readonly options: readonly Name[];
  /** Its lines of the help: what is typed, and what comes of it. */
  readonly usage: readonly (readonly [typed: string, sentence: string])[];
  /**
   * Resolves with the exit code.
   * @throws UsageError for what was typed wrongly, TrainerApiError for what the service refuses.
   */
  run(args: Arguments<Name, Subjects>, context: CliContext): Promise<number>;
}

/** Holds a command to the options and subjects that it declares. */
export function defineCommand<
  const Name extends OptionName,
  const Subjects extends readonly Subject[],
>(command: Command<Name, Subjects>): Command {
  // The parser gives each command what it declares.
  return command as unknown as Command;
}
