interface Source<T> {
  readonly iterator: AsyncIterator<T>;
}

interface Head<T> {
  readonly source: Source<T>;
  readonly value: T;
}

export interface LineMergerOptions<T> {
  /** By what the values of all sources are put in order, as far as each is; without, as they come. */
  readonly orderBy?: (value: T) => string;
  /** Called when a source is at its end, or broke. */
  readonly onSourceEnd?: () => void;
}

/**
 * Merges streams into one, value by value. Of each it holds one value at most, and asks for the next
 * when that was taken: no stream is kept waiting by another, and none is read faster than the whole.
 */
export class LineMerger<T> implements AsyncIterable<T> {
  readonly #options: LineMergerOptions<T>;
  readonly #sources = new Set<Source<T>>();
  /** In the order in which they came. */
  readonly #heads: Head<T>[] = [];
  #isComplete = false;
  #wake: (() => void) | undefined;

  constructor(options: LineMergerOptions<T> = {}) {
    this.#options = options;
  }

  get sourceCount(): number {
    return this.#sources.size;
  }

  /** One that breaks ends, no more. */
  add(values: AsyncIterable<T>): void {
    const source = { iterator: values[Symbol.asyncIterator]() };
    this.#sources.add(source);
    this.#ask(source);
  }

  /** No further source comes: it ends with those that there are. */
  complete(): void {
    this.#isComplete = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    try {
      for (;;) {
        const head = this.#takeHead();
        if (head !== undefined) {
          yield head.value;
          this.#ask(head.source);
        } else if (this.#isComplete && this.#sources.size === 0) return;
        else {
          const { promise, resolve } = Promise.withResolvers<void>();
          this.#wake = resolve;
          await promise;
        }
      }
    } finally {
      // Those that wait for a line end by the signal that they were given.
      for (const { iterator } of this.#sources) void iterator.return?.().catch(() => {});
    }
  }

  #takeHead(): Head<T> | undefined {
    const { orderBy } = this.#options;
    if (orderBy === undefined) return this.#heads.shift();
    if (this.#heads.length < this.#sources.size) return undefined;
    const first = this.#heads.reduce<Head<T> | undefined>(
      (least, head) =>
        least === undefined || orderBy(head.value) < orderBy(least.value) ? head : least,
      undefined,
    );
    if (first !== undefined) this.#heads.splice(this.#heads.indexOf(first), 1);
    return first;
  }

  #ask(source: Source<T>): void {
    const end = () => {
      this.#sources.delete(source);
      this.#options.onSourceEnd?.();
      this.#wake?.();
    };
    void source.iterator.next().then((result) => {
      if (result.done === true) return end();
      this.#heads.push({ source, value: result.value });
      this.#wake?.();
    }, end);
  }
}
