import type { LogEnd, LogLine } from '@trainer/client';
import { ServiceError } from './service-error.ts';
import { SilenceLimit } from './silence-limit.ts';
import { type TrainerService, toJobPath } from './trainer-service.ts';

export interface LogListener {
  readonly onLines: (lines: readonly LogLine[]) => void;
  /** Why it ends; nothing more comes. */
  readonly onEnd: (end: LogEnd) => void;
  /** Why it cannot be read for now; undefined once it can again. */
  readonly onError: (error: ServiceError | undefined) => void;
}

/** How much is shown of what is there already. */
const TAIL = 200;
const RETRY_MS = 3000;
/** Between what is taken at a time: a log that is faster waits, as its service lets it. */
const PACE_MS = 100;
const BROKEN_OFF: readonly string[] = ['CUT_OFF', 'SERVICE_CLOSING'];

/** Follows the log of a job until it ends or `signal` is aborted, over as many requests as it takes. */
export async function followLog(
  service: Pick<TrainerService, 'name' | 'open'>,
  jobId: string,
  { onLines, onEnd, onError }: LogListener,
  signal: AbortSignal,
): Promise<void> {
  let cursor: string | undefined;
  while (!signal.aborted) {
    const from = cursor === undefined ? `tail=${TAIL}` : `since=${encodeURIComponent(cursor)}`;
    const silence = new SilenceLimit();
    try {
      const path = toJobPath(jobId, `/logs?follow=true&${from}`);
      const headers = { accept: 'application/x-ndjson' };
      const own = AbortSignal.any([signal, silence.signal]);
      const { body } = await service.open(path, { signal: own, headers });
      onError(undefined);
      for await (const items of readItems(body, silence, signal)) {
        const end = items.find(isEnd);
        const lines = items.filter((item): item is LogLine => !isEnd(item));
        cursor = lines.findLast((line) => line.cursor !== null)?.cursor ?? cursor;
        if (lines.length > 0) onLines(lines);
        if (end === undefined || BROKEN_OFF.includes(end.reason)) continue;
        onEnd(end);
        return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ServiceError)) throw error;
      onError(error);
      if (error.needsToken || error.isMissing) return;
    } finally {
      silence.end();
    }
    await pause(RETRY_MS, signal);
  }
}

const isEnd = (item: LogLine | LogEnd): item is LogEnd => item.end === true;

/** Some at a time, and no faster than that can be shown; it ends where the connection does. */
async function* readItems(
  body: Response['body'],
  silence: SilenceLimit,
  signal: AbortSignal,
): AsyncGenerator<readonly (LogLine | LogEnd)[]> {
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    // From here on: nothing is heard while lines wait to be shown.
    silence.restart();
    const chunk = await reader?.read().catch(() => undefined);
    if (chunk === undefined || chunk.done) return;
    const texts = (rest + chunk.value).split('\n');
    rest = texts.pop() ?? '';
    // Blank ones only say that the connection lives.
    const items = texts.filter((text) => text !== '').map((text) => JSON.parse(text));
    if (items.length === 0) continue;
    yield items;
    await pause(PACE_MS, signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
