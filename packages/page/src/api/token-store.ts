type Storage = Pick<globalThis.Storage, 'getItem' | 'setItem' | 'removeItem'>;

const PREFIX = 'trainer-token ';

/** One token for each origin, for as long as the tab is open; it never stands in an address. */
export class TokenStore {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  get(origin: string): string | undefined {
    const token = this.#storage.getItem(PREFIX + origin) ?? undefined;
    if (token === undefined || isToken(token)) return token;
    // Nobody is asked for another while there is one, with which no request leaves the browser.
    this.forget(origin);
    return undefined;
  }

  set(origin: string, token: string): void {
    this.#storage.setItem(PREFIX + origin, token);
  }

  forget(origin: string): void {
    this.#storage.removeItem(PREFIX + origin);
  }
}

/** Whether a header can carry it: fetch refuses any other as if the service were unreachable. */
export function isToken(text: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]+$/.test(text);
}
