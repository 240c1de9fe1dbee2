/**
 * Runs until `signal` aborts, and calls `attempted` when it has first tried what it is for, whatever
 * became of that.
 */
export type LoopBody = (signal: AbortSignal, attempted: () => void) => Promise<void>;

/** A loop that runs from `open` to `close`; it may be opened and closed any number of times. */
export class BackgroundLoop {
  readonly #body: LoopBody;
  /** A run that was stopped finds its own signal aborted, never the next one's. */
  #run: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;

  /** `body` handles its own failures. */
  constructor(body: LoopBody) {
    this.#body = body;
  }

  get isOpen(): boolean {
    return this.#run !== undefined;
  }

  /** Starts it and resolves after the first attempt; harmless when repeated. */
  async open(): Promise<void> {
    if (this.#run !== undefined) return;
    const abort = new AbortController();
    const { promise: attempted, resolve } = Promise.withResolvers<void>();
    this.#run = { abort, done: this.#body(abort.signal, resolve) };
    await attempted;
  }

  /** Stops it at once and resolves when nothing of it is alive any more. */
  async close(): Promise<void> {
    const run = this.#run;
    this.#run = undefined;
    run?.abort.abort();
    await run?.done;
  }
}
