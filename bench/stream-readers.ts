import { createServer, get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';

/*
 * Readers of streams in a process of their own: some follow one job each, some all jobs, some never
 * read. Told over IPC what to do; it answers with how long events were on their way, by the time that
 * stands in them.
 */

export type ReaderRequest =
  | {
      readonly ask: 'open';
      readonly url: string;
      readonly ids: readonly string[];
      readonly readersOfAll: number;
    }
  /** How it went since the last question, once so many events have arrived. */
  | { readonly ask: 'latencies'; readonly count: number }
  | { readonly ask: 'leave' }
  /** Comes back to where all were, and waits for what they missed. */
  | { readonly ask: 'return'; readonly count: number }
  | { readonly ask: 'idle'; readonly url: string; readonly count: number };

/** Milliseconds from a change to a reader that is told of it. */
export interface Latencies {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** More connections than this are not asked for at once, since the kernel would refuse some. */
const OPENED_AT_ONCE = 200;
const ACCEPT = { accept: 'text/event-stream' };

let latenciesMs: number[] = [];
let wanted = { count: 0, done: () => {} };
const idle: Socket[] = [];

class Reader {
  readonly #url: string;
  #lastId: string | undefined;
  #answer: IncomingMessage | undefined;
  #text = '';

  constructor(url: string) {
    this.#url = url;
  }

  /** Resolves when the first bytes are there. */
  async open(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const headers = { ...ACCEPT, ...(this.#lastId && { 'last-event-id': this.#lastId }) };
    get(this.#url, { agent: false, headers }, (answer) => {
      if (answer.statusCode !== 200) reject(new Error(`${this.#url}: ${answer.statusCode}`));
      this.#answer = answer.setEncoding('utf8').on('error', () => {});
      answer.on('data', (chunk: string) => {
        resolve();
        this.#take(chunk);
      });
    }).on('error', reject);
    await promise;
  }

  leave(): void {
    this.#answer?.destroy();
    this.#text = '';
  }

  #take(chunk: string): void {
    const nowMs = Date.now();
    const blocks = (this.#text + chunk).split('\n\n');
    this.#text = blocks.pop() ?? '';
    for (const block of blocks) {
      const id = /^id: (.+)$/m.exec(block)?.[1];
      if (id !== undefined) this.#lastId = id;
      if (!block.includes('event: job.callbacks')) continue;
      latenciesMs.push(nowMs - Date.parse(/"time":"([^"]+)"/.exec(block)?.[1] ?? ''));
      if (latenciesMs.length === wanted.count) wanted.done();
    }
  }
}

let readers: Reader[] = [];

async function openAll(): Promise<void> {
  for (let from = 0; from < readers.length; from += OPENED_AT_ONCE) {
    await Promise.all(readers.slice(from, from + OPENED_AT_ONCE).map((reader) => reader.open()));
  }
}

async function arrived(count: number): Promise<void> {
  if (latenciesMs.length >= count) return;
  await new Promise<void>((done) => {
    wanted = { count, done };
  });
}

function takeLatencies(): Latencies {
  const sorted = Float64Array.from(latenciesMs).sort();
  latenciesMs = [];
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
  return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99) };
}

async function answer(request: ReaderRequest): Promise<void> {
  switch (request.ask) {
    case 'open':
      readers = [
        ...request.ids.map((id) => new Reader(`${request.url}/train/${id}/events`)),
        ...Array.from({ length: request.readersOfAll }, () => new Reader(`${request.url}/events`)),
      ];
      return openAll();
    case 'latencies':
      return arrived(request.count);
    case 'leave':
      for (const reader of readers) reader.leave();
      return;
    case 'return':
      await openAll();
      return arrived(request.count);
    case 'idle':
      for (let index = 0; index < request.count; index += 1) {
        const { hostname, port } = new URL(request.url);
        const socket = connect(Number(port), hostname).on('error', () => {});
        socket.write(
          `GET /events HTTP/1.1\r\nhost: ${hostname}\r\naccept: text/event-stream\r\n\r\n`,
        );
        idle.push(socket.pause());
      }
  }
}

process.on('message', (request: ReaderRequest | { readonly ask: 'usage' }) => {
  if (request.ask === 'usage') return;
  answer(request).then(
    () => process.send?.(takeLatencies()),
    (error: unknown) => {
      throw error;
    },
  );
});

createServer((_request, response) => response.end()).listen(
  Number(process.env.PORT),
  process.env.HOST,
);
