import type { FollowedEvent } from '@trainer/client';
import { toFollowed, WireEvents } from '@trainer/client/wire-events';
import { ServiceError } from './service-error.ts';
import { SilenceLimit } from './silence-limit.ts';
import type { TrainerService } from './trainer-service.ts';

export interface EventFeedParts {
  readonly service: Pick<TrainerService, 'name' | 'open'>;
  /** Follows this job alone; all of the service by default. */
  readonly jobId?: string | undefined;
  readonly onEvents: (events: readonly FollowedEvent[]) => void;
  /** Not all that has happened is told: what was read before may be out of date. */
  readonly onGap: () => void;
  readonly onOpenChange: (isOpen: boolean) => void;
  readonly random?: () => number;
}

/** Pages that lost their stream together come back apart. */
const LEAST_RETRY_MS = 500;
const MOST_RETRY_MS = 30_000;

/**
 * Follows the jobs of a service by its stream of events, which is opened again, from where it was,
 * for as long as it is started.
 */
export class EventFeed {
  readonly #parts: EventFeedParts;
  #cursor: string | undefined;
  #isOpen = false;
  #heardAtMs: number | undefined;
  #retryMs = LEAST_RETRY_MS;
  #stopping: AbortController | undefined;
  #retryNow: (() => void) | undefined;

  constructor(parts: EventFeedParts) {
    this.#parts = parts;
  }

  /** Whether what happens is being told. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** When the service last said something, also that nothing has happened. */
  get heardAtMs(): number | undefined {
    return this.#heardAtMs;
  }

  /** Harmless when repeated. */
  start(): void {
    if (this.#stopping !== undefined) return;
    this.#stopping = new AbortController();
    void this.#run(this.#stopping.signal);
  }

  /** Lets go of the stream; what happens until the next start is told then. */
  stop(): void {
    this.#stopping?.abort();
    this.#stopping = undefined;
    this.#setOpen(false);
    this.retry();
  }

  /** Tries at once where it waits for its next try. */
  retry(): void {
    this.#retryMs = LEAST_RETRY_MS;
    this.#retryNow?.();
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#follow(signal);
      } catch (error) {
        // Whoever reads the same service meanwhile says why that fails.
        if (!signal.aborted && !(error instanceof ServiceError)) throw error;
      }
      if (signal.aborted) return;
      this.#setOpen(false);
      await this.#pause();
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { service, jobId } = this.#parts;
    const query = jobId === undefined ? '' : `?${new URLSearchParams({ job_id: jobId })}`;
    const silence = new SilenceLimit();
    const heard = () => {
      silence.restart();
      this.#heardAtMs = Date.now();
    };
    try {
      const { body } = await service.open(`events${query}`, {
        signal: AbortSignal.any([signal, silence.signal]),
        headers: {
          accept: 'text/event-stream',
          ...(this.#cursor !== undefined && { 'last-event-id': this.#cursor }),
        },
      });
      if (body === null) return;
      heard();
      this.#setOpen(true);
      this.#retryMs = LEAST_RETRY_MS;
      if (this.#cursor === undefined) this.#parts.onGap();
      await this.#readOut(body, heard);
    } finally {
      silence.end();
    }
  }

  async #readOut(body: NonNullable<Response['body']>, heard: () => void): Promise<void> {
    // Not every browser lets a stream be iterated.
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    const blocks = new WireEvents();
    for (;;) {
      const chunk = await reader.read().catch(() => undefined);
      if (chunk === undefined || chunk.done) return;
      heard();
      this.#tell(blocks.push(chunk.value));
    }
  }

  #tell(blocks: ReturnType<WireEvents['push']>): void {
    const events: FollowedEvent[] = [];
    let isGap = false;
    for (const block of blocks) {
      const told = toFollowed(block);
      if (told?.kind === 'event') events.push(told.event);
      if (told?.kind === 'reset') isGap = true;
      if (block.id !== undefined) this.#cursor = block.id;
    }
    if (isGap) this.#parts.onGap();
    if (events.length > 0) this.#parts.onEvents(events);
  }

  #setOpen(isOpen: boolean): void {
    if (isOpen === this.#isOpen) return;
    this.#isOpen = isOpen;
    this.#parts.onOpenChange(isOpen);
  }

  async #pause(): Promise<void> {
    const { random = Math.random } = this.#parts;
    const pauseMs = this.#retryMs * (1 + random());
    this.#retryMs = Math.min(2 * this.#retryMs, MOST_RETRY_MS);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pauseMs);
      this.#retryNow = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#retryNow = undefined;
  }
}
