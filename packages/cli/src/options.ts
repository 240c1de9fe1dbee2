import type { ParseArgsOptionDescriptor } from 'node:util';
import type { LIST_FILTERS } from '@trainer/client';

/** An option as it is typed, and what it is for. */
interface Option extends ParseArgsOptionDescriptor {
  /** Of what is typed after it; nothing is after one that has none. */
  readonly value?: string;
  readonly usage: string;
}

type ToOptionName<Text extends string> = Text extends `${infer Word}_${infer Rest}`
  ? `${Word}-${ToOptionName<Rest>}`
  : Text;

export type FilterOption = ToOptionName<(typeof LIST_FILTERS)[keyof typeof LIST_FILTERS]>;

const text = (value: string, usage: string) => ({ type: 'string', value, usage }) as const;
const texts = (value: string, usage: string) =>
  ({ type: 'string', multiple: true, value, usage }) as const;
const flag = (usage: string) => ({ type: 'boolean', default: false, usage }) as const;

/** A filter of the list for each that there is. */
const FILTERS = {
  reason: text('REASON', 'only jobs of this reason'),
  phase: text('PHASE', 'only jobs in this phase, such as stalled'),
  model: text('NAME', 'only jobs of this model'),
  method: text('NAME', 'only jobs of this method'),
  provider: text('NAME', 'only jobs of this provider'),
  'backend-job-id': text('NAME', 'the job of this TrainJob'),
  'rerun-of': text('ID', 'only jobs that this one was run again as'),
  'created-after': text('TIME', 'only newer ones, such as 2026-11-26T09:00:00Z'),
  'created-before': text('TIME', 'only older ones'),
} satisfies Readonly<Record<FilterOption, Option>>;

/** Every option that some command takes, in the order of the help. */
export const OPTIONS = {
  json: flag('prints JSON, for programs'),
  help: { ...flag('prints this'), short: 'h' },
  wait: flag('waits for the end, as wait does'),
  timeout: text('SECONDS', 'how long to wait'),
  as: text('ID', 'the id of the new job, ID-r2 by default'),
  from: text('START', 'start, the default, or checkpoint for the last one of the job'),
  resolved: flag('as the training reads it, with all defaults'),
  save: flag('has a checkpoint saved before'),
  force: flag('gives up a final callback that is not delivered yet'),
  status: texts('STATUS', 'only jobs of this status; may be given several times'),
  ...FILTERS,
  label: texts('KEY=VALUE', 'only jobs with this label; may be given several times'),
  limit: text(
    'NUMBER',
    'how many at most, 50 by default; more than a page has are read page by page',
  ),
  follow: { ...flag('goes on until the job has ended'), short: 'f' },
  tail: text('NUMBER', 'only so many of the newest lines of each node'),
  since: text('TIME', 'only from this time on, such as 2026-11-26T09:00:00Z'),
  node: text('NUMBER', 'only this node, from 0 on'),
  attempt: text('NUMBER', 'only this run of the job, from 1 on'),
  previous: flag('what was written before a crash'),
  state: text('STATE', 'callbacks that are pending, delivered, gone or expired'),
  backend: text('NAME', 'the service that renders, by default one that accepts'),
} satisfies Readonly<Record<string, Option>>;

export type OptionName = keyof typeof OPTIONS;

/** The options of the list that are a filter of one value. */
export const FILTER_OPTIONS = Object.keys(FILTERS) as FilterOption[];

/** What every command takes. */
export const COMMON_OPTIONS: readonly OptionName[] = ['json', 'help'];
