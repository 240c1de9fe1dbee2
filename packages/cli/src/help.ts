import { COMMANDS } from './commands.ts';
import { COMMON_OPTIONS, OPTIONS, type OptionName } from './options.ts';
import { toTakers } from './parse-command.ts';
import { toColumns } from './table.ts';

const ENVIRONMENT = `TRAINER_URL            where the service is, such as http://localhost:8082
TRAINER_API_TOKEN      its token, if it wants one
render reads the settings of the services, such as TRAINER_JOBS_NAMESPACE, too.
TRAINER_LOCAL_PYTHON   check: a Python that has the packages of runtime/; else the one that
                       \`npm start -- --runner local\` makes`;

const EXIT_CODES = `Exit codes: 0 done (with wait and watch: the jobs succeeded), 1 a job failed or was cancelled, 2 wrong
usage or an unreadable file, 3 refused (with logs: the log is gone; with request: it is not kept; with
metrics: there is no such one; with plan: the request has errors; with check: the data cannot be
trained on), 4 the service, or the data's storage, cannot be reached or is in trouble, 5 --timeout is
over, 6 what was to be told could not be written, 130 interrupted.`;

/** All that can be typed. */
export function toHelp(): string {
  const usage = COMMANDS.flatMap((command) => command.usage);
  const commands = usage.map(([typed, sentence]) => [`trainer ${typed}`, sentence]);
  return [
    'trainer: submits, watches and cancels training jobs',
    indent(toColumns(commands)),
    'FILE may be -, for standard input.',
    indent(toColumns((Object.keys(OPTIONS) as OptionName[]).map(toOptionRow))),
    ENVIRONMENT,
    `${EXIT_CODES}\n`,
  ].join('\n\n');
}

function toOptionRow(name: OptionName): string[] {
  const option: { value?: string; short?: string; usage: string } = OPTIONS[name];
  const short = option.short === undefined ? '' : `-${option.short}, `;
  const value = option.value === undefined ? '' : ` ${option.value}`;
  const takers = COMMON_OPTIONS.includes(name) ? '' : `with ${toTakers(name)}: `;
  return [`${short}--${name}${value}`, `${takers}${option.usage}`];
}

function indent(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join('\n');
}
