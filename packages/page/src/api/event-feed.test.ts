import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { EventFeed } from './event-feed.ts';
import { ServiceError } from './service-error.ts';
import type { AskOptions } from './trainer-service.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A service whose streams are written to by the test, or that cannot be reached. */
function makeService() {
  const opened: { cursor: string | undefined; path: string; stream: Stream }[] = [];
  let isAway = false;
  return {
    name: 'meta',
    opened,
    goAway: (away: boolean) => {
      isAway = away;
    },
    open: async (path: string, { signal, headers }: AskOptions) => {
      if (isAway) throw new ServiceError('away', 'UNREACHABLE');
      const stream = makeStream(signal as AbortSignal);
      const cursor = headers?.['last-event-id'];
      opened.push({ cursor, path, stream });
      return new Response(stream.body);
    },
  };
}

type Stream = ReturnType<typeof makeStream>;

function makeStream(signal: AbortSignal) {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (own) => {
      controller = own;
    },
  });
  signal.addEventListener('abort', () => controller?.error(signal.reason));
  return {
    body,
    signal,
    write: (text: string) => controller?.enqueue(new TextEncoder().encode(text)),
    end: () => controller?.close(),
  };
}

function makeFeed(jobId?: string) {
  const service = makeService();
  const told: string[] = [];
  const feed = new EventFeed({
    service,
    jobId,
    onEvents: (events) => told.push(...events.map(({ job_id: id, type }) => `${type} ${id}`)),
    onGap: () => told.push('gap'),
    onOpenChange: (isOpen) => told.push(isOpen ? 'open' : 'closed'),
    random: () => 0,
  });
  return { service, feed, told };
}

const settle = () => vi.advanceTimersByTimeAsync(0);
const toText = (type: string, job_id: string) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, job_id })}\n\n`;

it('tells what it hears, and goes on from where it was', async () => {
  const { service, feed, told } = makeFeed();
  feed.start();
  await settle();
  const [first] = service.opened;
  first?.stream.write(`retry: 1\n\n${toText('job.state', 'a')}${toText('later.kind', 'x')}`);
  first?.stream.write('id: here\n\n');
  await settle();
  first?.stream.end();
  await settle();
  expect(told).toEqual(['open', 'gap', 'job.state a', 'closed']);
  await vi.advanceTimersByTimeAsync(500);
  expect(service.opened.map(({ cursor }) => cursor)).toEqual([undefined, 'here']);
  expect(told.slice(4)).toEqual(['open']);
  service.opened[1]?.stream.write('event: stream.reset\ndata: {}\n\n');
  await settle();
  expect(told.slice(5)).toEqual(['gap']);
  feed.stop();
});

it('follows one job alone where it is asked to', async () => {
  const { service, feed } = makeFeed('a/b');
  feed.start();
  await settle();
  expect(service.opened[0]?.path).toBe('events?job_id=a%2Fb');
  feed.stop();
});

it('takes a stream that is silent for broken', async () => {
  const { service, feed, told } = makeFeed();
  feed.start();
  await settle();
  await vi.advanceTimersByTimeAsync(44_000);
  service.opened[0]?.stream.write(': still here\n\n');
  await vi.advanceTimersByTimeAsync(44_000);
  expect(told).toEqual(['open', 'gap']);
  await vi.advanceTimersByTimeAsync(1000);
  expect(told.slice(2)).toEqual(['closed']);
  feed.stop();
});

it('tries less and less often, and at once when it is asked to', async () => {
  const { service, feed, told } = makeFeed();
  service.goAway(true);
  feed.start();
  await vi.advanceTimersByTimeAsync(60_000);
  service.goAway(false);
  feed.retry();
  await settle();
  expect(told).toEqual(['open', 'gap']);
  feed.stop();
});

it('lets go of its stream when it is stopped, and misses nothing', async () => {
  const { service, feed, told } = makeFeed();
  feed.start();
  await settle();
  service.opened[0]?.stream.write('id: here\n\n');
  await settle();
  feed.stop();
  expect(service.opened[0]?.stream.signal.aborted).toBe(true);
  await vi.advanceTimersByTimeAsync(120_000);
  expect(service.opened).toHaveLength(1);
  feed.start();
  await settle();
  expect(service.opened[1]?.cursor).toBe('here');
  expect(told).toEqual(['open', 'gap', 'closed', 'open']);
  feed.stop();
});
