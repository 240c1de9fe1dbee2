import type { FollowedEvent } from '@trainer/client';
import { EventFeed } from './event-feed.ts';
import type { TrainerService } from './trainer-service.ts';

export interface FeedListener {
  readonly onEvents?: (service: string, events: readonly FollowedEvent[]) => void;
  /** What was read before may be out of date. */
  readonly onGap?: () => void;
  readonly onOpenChange?: () => void;
}

/** The streams of several services as one, for all parts of a view. */
export class EventFeeds {
  readonly #listeners = new Set<FeedListener>();
  readonly #feeds: readonly EventFeed[];

  constructor(services: readonly TrainerService[], jobId?: string) {
    this.#feeds = services.map(
      (service) =>
        new EventFeed({
          ...{ service, jobId },
          onEvents: (events) => this.#tell(({ onEvents }) => onEvents?.(service.name, events)),
          onGap: () => this.#tell(({ onGap }) => onGap?.()),
          onOpenChange: () => this.#tell(({ onOpenChange }) => onOpenChange?.()),
        }),
    );
  }

  /** Whether what happens at every one of them is being told. */
  get isOpen(): boolean {
    return this.#feeds.every(({ isOpen }) => isOpen);
  }

  /** Until when everything is known that was told; undefined where one has told nothing yet. */
  get heardAtMs(): number | undefined {
    const times = this.#feeds.map(({ heardAtMs }) => heardAtMs ?? Number.NaN);
    const least = Math.min(...times);
    return Number.isNaN(least) ? undefined : least;
  }

  /** Returns how to stop that. */
  watch(listener: FeedListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  start(): void {
    for (const feed of this.#feeds) feed.start();
  }

  stop(): void {
    for (const feed of this.#feeds) feed.stop();
  }

  /** Tries at once where one waits for its next try. */
  retry(): void {
    for (const feed of this.#feeds) feed.retry();
  }

  #tell(tell: (listener: FeedListener) => void): void {
    for (const listener of [...this.#listeners]) tell(listener);
  }
}
