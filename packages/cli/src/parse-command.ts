import { parseArgs } from 'node:util';
import { isAskable } from '@trainer/client';
import type { Arguments, Command, OptionValues, Subject } from './command.ts';
import { COMMANDS } from './commands.ts';
import { COMMON_OPTIONS, OPTIONS, type OptionName } from './options.ts';
import { UsageError } from './usage-error.ts';

/** What was typed: a command with its arguments, or the wish for help. */
export type Parsed = 'help' | { readonly command: Command; readonly args: Arguments };

const HINT = 'trainer --help tells more.';
const NEEDED: Readonly<Record<string, string>> = { ID: 'an id', FILE: 'a file' };

/** @throws UsageError that says what is wrong with what was typed. */
export function parseCommand(argv: readonly string[]): Parsed {
  const { values, positionals } = parseWords(argv);
  const [name, ...subjects] = positionals;
  if (values.help || name === 'help') return 'help';
  const command = COMMANDS.find((each) => each.name === name);
  if (command === undefined) {
    const what = name === undefined ? 'Say what to do' : `There is no command '${name}'`;
    throw new UsageError(`${what}: ${HINT}`);
  }
  assertSubjects(command, subjects);
  assertOptions(command, values);
  return { command, args: { ...values, subjects } };
}

function parseWords(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], allowPositionals: true, options: OPTIONS });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function assertSubjects({ name, subjects }: Command, given: readonly string[]): void {
  const needed = subjects.filter((subject) => !subject.startsWith('['));
  if (given.length < needed.length) {
    const all = needed.map((subject) => NEEDED[subject]).join(' and ');
    throw new UsageError(`${name} needs ${all}: ${HINT}`);
  }
  const takesAny = subjects.at(-1) === '[ID…]';
  const extra = takesAny ? undefined : given[subjects.length];
  if (extra !== undefined) throw new UsageError(`${extra} is one argument too many.`);
  const isId = (subject: Subject | undefined) => subject?.includes('ID') ?? takesAny;
  const wrong = given.find((text, index) => isId(subjects[index]) && !isAskable(text));
  if (wrong !== undefined) throw new UsageError(`'${wrong}' is not the id of a job.`);
}

function assertOptions({ name, options }: Command, values: OptionValues): void {
  for (const [option, value] of Object.entries(values) as [OptionName, unknown][]) {
    const isKnown = options.includes(option) || COMMON_OPTIONS.includes(option);
    if (isKnown || value === undefined || value === false) continue;
    throw new UsageError(`--${option} goes with ${toTakers(option)} only: ${HINT}`);
  }
  if (values.timeout !== undefined && options.includes('wait') && !values.wait) {
    throw new UsageError(`With ${name}, --timeout needs --wait: ${HINT}`);
  }
}

/** The commands that take an option, as a sentence lists them. */
export function toTakers(option: OptionName): string {
  const names = COMMANDS.filter(({ options }) => options.includes(option)).map(({ name }) => name);
  return [names.slice(0, -1).join(', '), ...names.slice(-1)].filter(Boolean).join(' and ');
}
