/** What arrived under each key, oldest first; taking waits for what has not come yet. */
export class Inbox<T> {
  readonly #arrived = new Map<string, T[]>();
  readonly #waiting = new Map<string, ((item: T) => void)[]>();

  put(key: string, item: T): void {
    const deliver = this.#waiting.get(key)?.shift();
    if (deliver !== undefined) deliver(item);
    else this.#arrived.set(key, [...(this.#arrived.get(key) ?? []), item]);
  }

  take(key: string): Promise<T> {
    const item = this.#arrived.get(key)?.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve) => {
      this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), resolve]);
    });
  }
}
