import { parseArgs } from 'node:util';
import { isAskable } from '@trainer/client';
import { USAGE, UsageError } from './usage.ts';

/** What each command is about; `ids` are any number, none included. */
const SUBJECTS: ReadonlyMap<string, 'a file' | 'an id' | 'ids' | 'nothing'> = new Map([
  ['submit', 'a file'],
  ['plan', 'a file'],
  ['render', 'a file'],
  ['check', 'a file'],
  ['rerun', 'an id'],
  ['status', 'an id'],
  ['request', 'an id'],
  ['why', 'an id'],
  ['wait', 'an id'],
  ['events', 'an id'],
  ['logs', 'an id'],
  ['metrics', 'an id'],
  ['cancel', 'an id'],
  ['replay', 'an id'],
  ['callbacks', 'an id'],
  ['forget', 'an id'],
  ['watch', 'ids'],
  ['list', 'nothing'],
  ['deliveries', 'nothing'],
  ['version', 'nothing'],
]);

/** Options that mean nothing to any other command. */
const COMMANDS_OF_OPTIONS = {
  wait: ['submit', 'rerun'],
  timeout: ['wait', 'watch', 'submit', 'rerun'],
  backend: ['render'],
  state: ['deliveries', 'replay'],
  save: ['cancel'],
  as: ['rerun'],
  from: ['rerun'],
  force: ['forget'],
  resolved: ['request'],
  status: ['list', 'watch'],
  reason: ['list'],
  model: ['list'],
  method: ['list'],
  provider: ['list'],
  label: ['list'],
  limit: ['list'],
  'rerun-of': ['list'],
  follow: ['logs'],
  previous: ['logs'],
  node: ['logs'],
  attempt: ['logs'],
  tail: ['logs'],
  since: ['logs'],
} satisfies Readonly<Record<string, readonly string[]>>;

/** A command as it was typed, with its options. */
export type Arguments = ReturnType<typeof parseCommand>;

/** @throws UsageError that says what is wrong with what was typed. */
export function parseCommand(argv: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        wait: { type: 'boolean', default: false },
        save: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        force: { type: 'boolean', default: false },
        resolved: { type: 'boolean', default: false },
        timeout: { type: 'string' },
        state: { type: 'string' },
        status: { type: 'string', multiple: true },
        reason: { type: 'string' },
        model: { type: 'string' },
        method: { type: 'string' },
        provider: { type: 'string' },
        label: { type: 'string', multiple: true },
        limit: { type: 'string' },
        follow: { type: 'boolean', short: 'f', default: false },
        previous: { type: 'boolean', default: false },
        node: { type: 'string' },
        attempt: { type: 'string' },
        tail: { type: 'string' },
        since: { type: 'string' },
        backend: { type: 'string' },
        as: { type: 'string' },
        from: { type: 'string' },
        'rerun-of': { type: 'string' },
      },
    });
    const [command, subject, ...rest] = positionals;
    const help = values.help || command === 'help';
    if (!help && command === undefined) throw new UsageError(USAGE);
    const isOfState = command === 'replay' && values.state !== undefined;
    const about = isOfState ? 'nothing' : SUBJECTS.get(command ?? '');
    if (!help && about === undefined) {
      throw new UsageError(`There is no command '${command}': trainer --help tells more.`);
    }
    const needsSubject = about === 'a file' || about === 'an id';
    if (!help && needsSubject && subject === undefined) {
      throw new UsageError(`${command} needs ${about}: trainer --help tells more.`);
    }
    const ids = about === 'an id' ? [subject] : about === 'ids' ? positionals.slice(1) : [];
    const wrong = ids.find((id) => !isAskable(id ?? ''));
    if (!help && wrong !== undefined) throw new UsageError(`'${wrong}' is not the id of a job.`);
    const takesSecond = ['callbacks', 'metrics', 'rerun'].includes(command ?? '');
    const [second, ...more] = takesSecond ? rest : [undefined, ...rest];
    if (!help && command === 'callbacks' && second === undefined) {
      throw new UsageError('callbacks needs an id and a file: trainer --help tells more.');
    }
    const [extra] = help || about === 'ids' ? [] : needsSubject ? more : positionals.slice(1);
    if (extra !== undefined) throw new UsageError(`${extra} is one argument too many.`);
    for (const [option, commands] of Object.entries(COMMANDS_OF_OPTIONS)) {
      const given = values[option as keyof typeof COMMANDS_OF_OPTIONS];
      if (given !== undefined && given !== false && !commands.includes(command ?? '')) {
        const named = [commands.slice(0, -1).join(', '), ...commands.slice(-1)]
          .filter(Boolean)
          .join(' and ');
        throw new UsageError(`--${option} goes with ${named} only: trainer --help tells more.`);
      }
    }
    const waits = values.wait || command === 'wait' || command === 'watch';
    if (!help && values.timeout !== undefined && !waits) {
      throw new UsageError(`With ${command}, --timeout needs --wait: trainer --help tells more.`);
    }
    return {
      ...values,
      help,
      command,
      subject: subject ?? '',
      second,
      subjects: positionals.slice(1),
    };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError((error as Error).message);
  }
}
