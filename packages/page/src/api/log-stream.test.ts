import type { LogEnd } from '@trainer/client';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { followLog } from './log-stream.ts';
import { ServiceError } from './service-error.ts';
import type { AskOptions } from './trainer-service.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A service whose logs are written to by the test, or that never answers. */
function makeService({ isMute = false } = {}) {
  const opened: { path: string; write: (text: string) => void }[] = [];
  return {
    name: 'meta',
    opened,
    answer: () => {
      isMute = false;
    },
    open: async (path: string, { signal }: AskOptions) => {
      let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
      const body = new ReadableStream<Uint8Array>({
        start: (own) => {
          controller = own;
        },
      });
      signal?.addEventListener('abort', () => controller?.error(signal.reason));
      const write = (text: string) => controller?.enqueue(new TextEncoder().encode(text));
      opened.push({ path, write });
      if (!isMute) return new Response(body);
      return new Promise<Response>((_, reject) => {
        const giveUp = () => reject(new ServiceError('away', 'UNREACHABLE'));
        signal?.addEventListener('abort', giveUp);
      });
    },
  };
}

function follow(service = makeService()) {
  const told: string[] = [];
  const stopping = new AbortController();
  const following = followLog(
    service,
    'a',
    {
      onLines: (lines) => told.push(...lines.map(({ line }) => line)),
      onEnd: ({ reason }: LogEnd) => told.push(`end ${reason}`),
      onError: (error) => told.push(error === undefined ? 'open' : error.message),
    },
    stopping.signal,
  );
  const stop = () => {
    stopping.abort();
    return following;
  };
  return { service, told, stop };
}

const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
const toLine = (line: string, cursor: string) => `${JSON.stringify({ line, cursor })}\n`;

it('takes a log that is silent for broken, and goes on from where it was', async () => {
  const { service, told, stop } = follow();
  await settle();
  service.opened[0]?.write(toLine('one', 'here'));
  await settle(44_000);
  // Says only that the connection lives.
  service.opened[0]?.write('\n');
  await settle(44_000);
  expect([told, service.opened.length]).toEqual([['open', 'one'], 1]);
  await settle(1000 + 3000);
  expect(service.opened.map(({ path }) => path)).toEqual([
    'train/a/logs?follow=true&tail=200',
    'train/a/logs?follow=true&since=here',
  ]);
  service.opened[1]?.write(toLine('two', 'there'));
  await settle();
  expect(told.slice(2)).toEqual(['open', 'two']);
  await stop();
});

it('gives up a log whose service never answers, says so, and tries again', async () => {
  const { service, told, stop } = follow(makeService({ isMute: true }));
  await settle(14_999);
  expect(told).toEqual([]);
  await settle(1);
  expect(told).toEqual(['away']);
  service.answer();
  await settle(3000);
  expect(told).toEqual(['away', 'open']);
  await stop();
});

it('leaves no timer behind', async () => {
  const { service, told, stop } = follow();
  await settle();
  service.opened[0]?.write(`${JSON.stringify({ end: true, reason: 'ENDED' })}\n`);
  await settle();
  expect(told).toEqual(['open', 'end ENDED']);
  await settle(100);
  expect(vi.getTimerCount()).toBe(0);
  await stop();
});
