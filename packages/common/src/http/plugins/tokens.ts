import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Config } from '../../config.ts';

/** The tokens that callers may present; a token file is read again whenever it changes. */
export class Tokens {
  readonly #fromEnv: readonly Buffer[];
  readonly #readers: readonly Buffer[];
  readonly #file: string | undefined;
  #fromFile: readonly Buffer[] = [];
  readonly #names: readonly string[];
  #fileState = '';

  /** @throws Error when the token file cannot be read or holds no token. */
  constructor({
    tokens,
    tokenFile,
    tokenNames = [],
    readTokens = [],
  }: Pick<Config, 'tokens' | 'tokenFile'> & Partial<Pick<Config, 'tokenNames' | 'readTokens'>>) {
    this.#names = tokenNames;
    this.#readers = readTokens.map(digest);
    this.#fromEnv = tokens.map(digest);
    this.#file = tokenFile;
    if (tokenFile === undefined) return;
    this.#refresh();
    if (this.#fromFile.length === 0) {
      throw new Error(
        `TRAINER_API_TOKEN_FILE is ${tokenFile}; it must be a readable file that holds a token.`,
      );
    }
  }

  /** Whether nobody needs a token. */
  get isOpen(): boolean {
    return this.#file === undefined && this.#fromEnv.length === 0;
  }

  /** Whether the token is good for everything. Takes the same time for every wrong one. */
  includes(token: string): boolean {
    return this.#find(token, this.#callers()) >= 0;
  }

  /** Whether the token is good for reading at least. Takes the same time for every wrong one. */
  mayRead(token: string): boolean {
    const isReader = this.#find(token, this.#readers) >= 0;
    return this.includes(token) || isReader;
  }

  /** What the one who presents a token is called; undefined for a wrong one. Takes as long for any. */
  nameOf(token: string): string | undefined {
    const reader = this.#find(token, this.#readers);
    const caller = this.#find(token, this.#callers());
    if (caller >= 0) return this.#names[caller] ?? `token-${caller + 1}`;
    return reader < 0 ? undefined : `reader-${reader + 1}`;
  }

  #callers(): readonly Buffer[] {
    this.#refresh();
    return [...this.#fromEnv, ...this.#fromFile];
  }

  /** Looks at all of them, so that the time tells nothing; the place, or -1. */
  #find(token: string, digests: readonly Buffer[]): number {
    const given = digest(token);
    let found = -1;
    for (const [index, expected] of digests.entries()) {
      if (timingSafeEqual(given, expected)) found = index;
    }
    return found;
  }

  /** A stat per request is cheaper than a watcher, and misses no rename of a mounted Secret. */
  #refresh(): void {
    if (this.#file === undefined) return;
    try {
      const { mtimeNs, ino, size } = statSync(this.#file, { bigint: true });
      const state = `${mtimeNs} ${ino} ${size}`;
      if (state === this.#fileState) return;
      const tokens = readFileSync(this.#file, 'utf8')
        .split(/[\s,]+/)
        .filter(Boolean);
      // A file caught empty in the middle of a rewrite must lock nobody out.
      if (tokens.length === 0) return;
      this.#fromFile = tokens.map(digest);
      this.#fileState = state;
    } catch {
      // Kept until there is a readable file again, for the same reason.
    }
  }
}

/** Equal lengths, which the constant-time comparison needs. */
function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
