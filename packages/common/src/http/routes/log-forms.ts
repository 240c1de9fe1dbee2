import type { Clock } from '../../clock.ts';
import { isLogEnd, type LogEnd, type LogItem, type LogLine } from '../../jobs/log-line.ts';
import { type LogEndAnswer, type LogLineAnswer, toCursor } from '../../requests/log-lines.ts';
import { STREAM_TYPE, toEventText } from '../plugins/event-stream.ts';

/** How a log is written for one kind of reader. */
interface LogForm {
  readonly contentType: string;
  readonly toLine: (line: LogLineAnswer) => string;
  readonly toEnd: (end: LogEndAnswer) => string;
  /** What says that the connection lives, where the reader can tell it from a line. */
  readonly heartbeat?: string;
}

/** Below the usual minute after which proxies give a silent answer up. */
const HEARTBEAT_MS = 20_000;
/** The id of the last event, which a browser asks for again. */
export const END_ID = 'end';

const TEXT: LogForm = {
  contentType: 'text/plain; charset=utf-8',
  toLine: ({ node, line }) => `${node === 0 ? '' : `[node ${node}] `}${line}\n`,
  toEnd: ({ reason, archive }) =>
    `# end: ${reason}${archive === null ? '' : `; archive: ${archive}`}\n`,
};
const NDJSON: LogForm = {
  contentType: 'application/x-ndjson; charset=utf-8',
  toLine: (line) => `${JSON.stringify(line)}\n`,
  toEnd: (end) => `${JSON.stringify(end)}\n`,
  heartbeat: '\n',
};
const EVENTS: LogForm = {
  contentType: STREAM_TYPE,
  toLine: (line) =>
    toEventText({ event: 'line', data: line, ...(line.cursor !== null && { id: line.cursor }) }),
  toEnd: (end) => toEventText({ event: 'end', data: end, id: END_ID }),
  heartbeat: ':\n\n',
};

/** The form that an Accept header asks for; text by default. */
export function chooseLogForm(accept = ''): LogForm {
  if (accept.includes('text/event-stream')) return EVENTS;
  return /application\/(x-ndjson|json)/.test(accept) ? NDJSON : TEXT;
}

/** A log as it goes out, piece by piece, as fast as it is taken. */
export async function* writeLog(
  items: AsyncIterable<LogItem>,
  form: LogForm,
  archive: string | undefined,
  after: ReadonlyMap<number, string>,
  clock: Clock,
): AsyncGenerator<string> {
  const positions = new Map(after);
  for await (const item of withHeartbeats(items, clock)) {
    if (item === undefined) {
      if (form.heartbeat !== undefined) yield form.heartbeat;
    } else if (isLogEnd(item)) yield form.toEnd(toEndAnswer(item, archive));
    else {
      if (item.position !== undefined) positions.set(item.node, item.position);
      yield form.toLine(toLineAnswer(item, positions));
    }
  }
}

function toLineAnswer(line: LogLine, positions: ReadonlyMap<number, string>): LogLineAnswer {
  const { time, node, attempt, text, isPartial, position, isTail } = line;
  return {
    cursor: position === undefined ? null : toCursor(positions),
    ...{ time: time ?? null, node, attempt, stream: null, line: text },
    ...(isPartial && { partial: true as const }),
    ...(isTail && { tail: isTail }),
  };
}

function toEndAnswer({ end, unreadNodes }: LogEnd, archive: string | undefined): LogEndAnswer {
  return {
    ...{ end: true, reason: end, archive: archive ?? null },
    ...(unreadNodes && { unread_nodes: [...unreadNodes] }),
  };
}

/** Yields undefined whenever nothing has come for a while. */
async function* withHeartbeats<T>(
  values: AsyncIterable<T>,
  clock: Clock,
): AsyncGenerator<T | undefined> {
  const iterator = values[Symbol.asyncIterator]();
  try {
    for (;;) {
      let wake = () => {};
      let result: IteratorResult<T> | undefined;
      let failure: { readonly error: unknown } | undefined;
      iterator.next().then(
        (next) => {
          result = next;
          wake();
        },
        (error: unknown) => {
          failure = { error };
          wake();
        },
      );
      // Most lines are here already, and need no timer.
      await Promise.resolve();
      while (result === undefined && failure === undefined) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        const cancel = clock.schedule(HEARTBEAT_MS, resolve);
        await promise;
        cancel();
        if (result === undefined && failure === undefined) yield undefined;
      }
      if (failure !== undefined) throw failure.error;
      if (result?.done !== false) return;
      yield result.value;
    }
  } finally {
    // It ends by its signal where it waits.
    void iterator.return?.();
  }
}
