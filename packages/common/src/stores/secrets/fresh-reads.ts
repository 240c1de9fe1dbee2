/**
 * Shares reads among callers that want the same thing at once. A caller never gets an answer that
 * was asked for before it came, so it sees whatever was written before: who comes during a read
 * waits for the one after it, together with all others who do.
 */
export class FreshReads<T> {
  readonly #read: (key: string) => Promise<T>;
  readonly #current = new Map<string, Promise<T>>();
  readonly #next = new Map<string, Promise<T>>();

  constructor(read: (key: string) => Promise<T>) {
    this.#read = read;
  }

  read(key: string): Promise<T> {
    const current = this.#current.get(key);
    if (current === undefined) return this.#start(key);
    const waiting = this.#next.get(key);
    if (waiting !== undefined) return waiting;
    const start = () => {
      this.#next.delete(key);
      return this.#start(key);
    };
    const next = current.then(start, start);
    this.#next.set(key, next);
    return next;
  }

  #start(key: string): Promise<T> {
    const read = this.#read(key).finally(() => {
      if (this.#current.get(key) === read) this.#current.delete(key);
    });
    this.#current.set(key, read);
    return read;
  }
}
