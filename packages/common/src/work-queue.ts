import { Fifo } from './fifo.ts';

/**
 * Runs `work` for keys: never twice at once for one key, again when a key is added while its work
 * runs, and at most `concurrency` at once. Adding a waiting key changes nothing.
 */
export class WorkQueue {
  readonly #work: (key: string) => Promise<void>;
  readonly #concurrency: number;
  readonly #waiting = new Set<string>();
  /** Those that wait and do not run. */
  readonly #order = new Fifo<string>();
  readonly #running = new Set<string>();
  readonly #idle = Promise.withResolvers<void>();
  #isClosed = false;

  /** `work` handles its own failures. */
  constructor(concurrency: number, work: (key: string) => Promise<void>) {
    this.#concurrency = concurrency;
    this.#work = work;
  }

  /** How many keys wait for their turn. */
  get length(): number {
    return this.#waiting.size;
  }

  add(key: string): void {
    if (this.#isClosed || this.#waiting.has(key)) return;
    this.#waiting.add(key);
    if (!this.#running.has(key)) this.#order.push(key);
    this.#fill();
  }

  /** Forgets what waits; what runs goes on. */
  clear(): void {
    this.#waiting.clear();
    this.#order.clear();
  }

  /** Takes nothing more and resolves when nothing runs. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.clear();
    if (this.#running.size === 0) this.#idle.resolve();
    await this.#idle.promise;
  }

  #fill(): void {
    while (this.#running.size < this.#concurrency) {
      const key = this.#order.shift();
      if (key === undefined) return;
      this.#waiting.delete(key);
      this.#running.add(key);
      void this.#run(key);
    }
  }

  async #run(key: string): Promise<void> {
    // A turn of its own, so that adding never does work inside the caller's own.
    await Promise.resolve();
    await this.#work(key);
    this.#running.delete(key);
    if (this.#waiting.has(key)) this.#order.push(key);
    if (this.#isClosed && this.#running.size === 0) this.#idle.resolve();
    this.#fill();
  }
}
