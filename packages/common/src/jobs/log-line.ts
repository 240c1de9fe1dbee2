import type { LogEndReason } from '../requests/log-lines.ts';

/** What of a job's log is wanted. */
export interface LogQuery {
  /** Goes on with what is still to be written, until the run has ended. */
  readonly follow: boolean;
  /** Only so many of the newest lines of each node; all by default. */
  readonly tail: number | undefined;
  /** Only what was written from then on, UNIX milliseconds. */
  readonly sinceMs: number | undefined;
  /** Only this node, from 0 on. */
  readonly node: number | undefined;
  /** Only this run of the job, from 1 on. */
  readonly attempt: number | undefined;
  /** What the container before the one that runs now has written. */
  readonly previous: boolean;
  /** For each node that was read before, the position of its last line: what comes after it. */
  readonly after: ReadonlyMap<number, string>;
}

/** A line as it stands in the log: it may hold the job's credentials. */
export interface LogLine {
  readonly node: number;
  readonly attempt: number;
  /** RFC 3339; undefined where nobody noted it. */
  readonly time: string | undefined;
  readonly text: string;
  /** It is a piece of a very long line, which goes on. */
  readonly isPartial: boolean;
  /** Where in its node's log it ends, as this runner writes it: `[a-z0-9.]`; undefined inside a line. */
  readonly position: string | undefined;
  /** It is of what was kept of a run whose own log is gone: its end alone. */
  readonly isTail?: true;
}

export interface LogEnd {
  readonly end: LogEndReason;
  /** Nodes whose log could not be read. */
  readonly unreadNodes?: readonly number[];
}

/** Lines, and at last why there are no more. */
export type LogItem = LogLine | LogEnd;

export function isLogEnd(item: LogItem): item is LogEnd {
  return 'end' in item;
}
