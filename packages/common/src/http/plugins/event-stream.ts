import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';
import { onceClosed } from './once-closed.ts';

export const STREAM_TYPE = 'text/event-stream; charset=utf-8';

/** Below the minute after which proxies give up on a connection that is silent. */
const HEARTBEAT_MS = 15_000;
/** A reader that has taken nothing of what waits for it for so long does not read any more. */
const STALLED_MS = 30_000;
/** Readers that lost their stream together come back apart, within these. */
const RETRY_MS = { least: 1000, most: 5000 };

export interface StreamEvent {
  readonly event: string;
  readonly data: unknown;
  /** Where the reader goes on if the stream is cut after this. */
  readonly id?: string | number;
}

/** One Server-Sent Events answer: what is written to it goes as fast as its reader reads, and no faster. */
export class EventStream {
  readonly #raw: ServerResponse;
  #lastWrittenAtMs: number;
  #blockedSinceMs: number | undefined;
  #hasNews = true;
  #resume: (() => void) | undefined;
  #isClosed = false;

  /** Takes over `reply`, with the headers that it has. */
  constructor(reply: FastifyReply, { nowMs, random }: { nowMs: number; random: () => number }) {
    this.#raw = reply.raw;
    this.#lastWrittenAtMs = nowMs;
    reply.headers({
      'content-type': STREAM_TYPE,
      'cache-control': 'no-store, no-transform',
      // Proxies that buffer answers would hold events back.
      'x-accel-buffering': 'no',
    });
    reply.hijack();
    this.#raw.on('drain', () => {
      // No tick may see it: what waits to be written fills the buffer again at once.
      this.#blockedSinceMs = undefined;
      this.#continue();
    });
    this.#raw.on('error', () => this.close());
    this.#raw.writeHead(200, reply.getHeaders() as OutgoingHttpHeaders);
    const { least, most } = RETRY_MS;
    this.#raw.write(`retry: ${Math.round(least + random() * (most - least))}\n\n`);
    onceClosed(this.#raw, () => this.close());
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether the socket's buffer is full, so that nothing more is made for this reader. */
  get isBlocked(): boolean {
    return this.#raw.writableNeedDrain;
  }

  /** Writes an event that was made by `toEventText`. */
  write(text: string): void {
    if (this.#isClosed) return;
    this.#raw.write(text);
  }

  /** Says that there is something new to write. */
  wake(): void {
    this.#hasNews = true;
    this.#continue();
  }

  /** Resolves when there is something new and the reader has room for it, or when it is closed. */
  async ready(): Promise<void> {
    // One that never has to wait must not keep others from their turn.
    await nextTurn();
    while (!this.#isClosed && (!this.#hasNews || this.isBlocked)) {
      await this.#pause();
    }
    this.#hasNews = false;
  }

  /** Resolves when the reader has room, or when it is closed. */
  async room(): Promise<void> {
    while (!this.#isClosed && this.isBlocked) await this.#pause();
  }

  /** What time alone brings: a comment that keeps a silent connection, and the end of one that nobody reads. */
  tick(nowMs: number): void {
    if (!this.isBlocked) {
      this.#blockedSinceMs = undefined;
      if (nowMs - this.#lastWrittenAtMs < HEARTBEAT_MS) return;
      this.#lastWrittenAtMs = nowMs;
      this.#raw.write(': still here\n\n');
      return;
    }
    this.#blockedSinceMs ??= nowMs;
    if (nowMs - this.#blockedSinceMs >= STALLED_MS) this.close();
  }

  /** Ends the answer; what its reader has not taken by now is lost. Harmless when repeated. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#continue();
    if (this.isBlocked) this.#raw.destroy();
    else this.#raw.end();
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  #continue(): void {
    this.#resume?.();
    this.#resume = undefined;
  }
}

/** An event as the wire has it. */
export function toEventText({ event, data, id }: StreamEvent): string {
  const idLine = id === undefined ? '' : `id: ${id}\n`;
  return `${idLine}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
