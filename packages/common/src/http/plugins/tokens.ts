import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Config } from '../../config.ts';

/** The tokens that callers may present; a token file is read again whenever it changes. */
export class Tokens {
  readonly #fromEnv: readonly Buffer[];
  readonly #file: string | undefined;
  #fromFile: readonly Buffer[] = [];
  readonly #names: readonly string[];
  #fileState = '';

  /** @throws Error when the token file cannot be read or holds no token. */
  constructor({
    tokens,
    tokenFile,
    tokenNames = [],
  }: Pick<Config, 'tokens' | 'tokenFile'> & Partial<Pick<Config, 'tokenNames'>>) {
    this.#names = tokenNames;
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

  /** Takes the same time for every wrong token. */
  includes(token: string): boolean {
    return this.nameOf(token) !== undefined;
  }

  /** What the one who presents a token is called; undefined for a wrong one. Takes as long for any. */
  nameOf(token: string): string | undefined {
    this.#refresh();
    const given = digest(token);
    let found = -1;
    for (const [index, expected] of [...this.#fromEnv, ...this.#fromFile].entries()) {
      if (timingSafeEqual(given, expected)) found = index;
    }
    return found < 0 ? undefined : (this.#names[found] ?? `token-${found + 1}`);
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
