import type { LogEnd, LogLine } from '@trainer/client';

/** The newest lines of a log as they are shown, and why there are no more, once there are none. */
export interface LogText {
  readonly lines: readonly string[];
  /** How many older ones are not shown any more. */
  readonly droppedCount: number;
  /** Of the last one. */
  readonly attempt: number | undefined;
  readonly end: LogEnd | undefined;
}

export const NO_LOG: LogText = { lines: [], droppedCount: 0, attempt: undefined, end: undefined };

/** More than anybody scrolls through, and little enough to be drawn at once. */
const MAX_LINES = 2000;

/** The same with more lines; those of another run or node say so. */
export function addLines(text: LogText, items: readonly LogLine[]): LogText {
  let { attempt } = text;
  const added: string[] = [];
  for (const item of items) {
    if (item.attempt !== attempt && (attempt !== undefined || item.attempt > 1)) {
      added.push(`── attempt ${item.attempt} ──`);
    }
    attempt = item.attempt;
    added.push(item.node === 0 ? item.line : `[node ${item.node}] ${item.line}`);
  }
  const lines = [...text.lines, ...added];
  const dropped = Math.max(0, lines.length - MAX_LINES);
  return {
    lines: lines.slice(dropped),
    droppedCount: text.droppedCount + dropped,
    attempt,
    end: text.end,
  };
}

const ENDINGS: Readonly<Record<string, string>> = {
  LOG_READ: 'That is all by now.',
  JOB_ENDED: 'That is all.',
  POD_GONE: 'The pods are gone, and their log with them.',
  RUN_GONE: 'What ran is gone, and its log with it.',
  CREDENTIALS_GONE:
    'The credentials of this job are deleted, so that they could not be masked any more: its log is not shown.',
};

/** Why there are no more lines, as people say it. */
export function describeEnd({ reason, unread_nodes: unread = [] }: LogEnd): string {
  const ending = ENDINGS[reason] ?? reason;
  return unread.length === 0 ? ending : `${ending} Not readable: node ${unread.join(', ')}.`;
}
