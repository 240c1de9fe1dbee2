import type { Backoff } from './backoff.ts';
import { isLogEnd, type LogEnd, type LogLine } from './job.ts';
import { TrainerApiError } from './trainer-api-error.ts';

/** Lines, and at last why there are no more; see `isLogEnd`. */
export type LogItem = LogLine | LogEnd;

export interface LogSource {
  /** Opens the log behind a cursor, or from its start. */
  readonly open: (after: string | undefined) => Promise<ReadableStream<Uint8Array>>;
  /** Whether it goes on where it broke off. */
  readonly follows: boolean;
  readonly backoff: Backoff;
  readonly signal: AbortSignal | undefined;
}

const BROKEN_OFF: readonly string[] = ['CUT_OFF', 'SERVICE_CLOSING'];

/** Reads a log to its end, over as many connections as it takes where it is followed. */
export async function* readLog({
  open,
  follows,
  backoff,
  signal,
}: LogSource): AsyncGenerator<LogItem, void, undefined> {
  let after: string | undefined;
  for (;;) {
    let isOpen = false;
    try {
      const body = await open(after);
      isOpen = true;
      for await (const item of readItems(body)) {
        if (!isLogEnd(item)) {
          after = item.cursor ?? after;
          backoff.reset();
          yield item;
        } else if (!follows || !BROKEN_OFF.includes(item.reason)) {
          yield item;
          return;
        }
      }
      if (!follows) throw toBrokenOff();
    } catch (error) {
      signal?.throwIfAborted();
      // Such as a token that cannot be sent, which will not pass.
      if (!isOpen && !(error instanceof TrainerApiError)) throw error;
      const failure = error instanceof TrainerApiError ? error : toBrokenOff(error);
      if (!follows || !failure.isPassing) throw failure;
      await backoff.wait(signal, failure.retryAfterMs ?? 0);
      continue;
    }
    await backoff.wait(signal);
  }
}

function toBrokenOff(cause?: unknown): TrainerApiError {
  const message = 'The log broke off.';
  return new TrainerApiError(message, {
    code: 'UNREACHABLE',
    ...(cause !== undefined && { cause }),
  });
}

async function* readItems(body: ReadableStream<Uint8Array>): AsyncGenerator<LogItem> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    // Blank ones only say that the connection lives.
    for (const line of lines) if (line !== '') yield JSON.parse(line) as LogItem;
  }
}
