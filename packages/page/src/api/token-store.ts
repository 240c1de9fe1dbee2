type Storage = Pick<globalThis.Storage, 'getItem' | 'setItem' | 'removeItem'>;

const PREFIX = 'trainer-token ';

/** One token for each origin, for as long as the tab is open; it never stands in an address. */
export class TokenStore {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  get(origin: string): string | undefined {
    return this.#storage.getItem(PREFIX + origin) ?? undefined;
  }

  set(origin: string, token: string): void {
    this.#storage.setItem(PREFIX + origin, token);
  }

  forget(origin: string): void {
    this.#storage.removeItem(PREFIX + origin);
  }
}
