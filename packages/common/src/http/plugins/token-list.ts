import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';

/** Who presents a token. */
export interface Caller {
  readonly name: string;
  /** Whether the token is good for more than reading. */
  readonly mayWrite: boolean;
}

export interface TokenListParts {
  readonly tokens: readonly string[];
  /** Further ones; it is read again whenever it changes. */
  readonly file: string | undefined;
  readonly toCaller: (index: number) => Caller;
  /** Whether the last tokens of a file go on while it is gone or empty. */
  readonly outlivesFile: boolean;
}

interface KnownToken {
  readonly digest: Buffer;
  readonly caller: Caller;
}

/** Tokens that are good for the same: those of the environment, then those of a file. */
export class TokenList {
  readonly #parts: TokenListParts;
  #known: readonly KnownToken[] = [];
  #fileState: string | undefined;

  constructor(parts: TokenListParts) {
    this.#parts = parts;
    this.#know([]);
    this.#refresh();
  }

  /** How many there are now. */
  get size(): number {
    this.#refresh();
    return this.#known.length;
  }

  /** Who presents a token, by its digest; looks at all of them, so that the time tells nothing. */
  find(digest: Buffer): Caller | undefined {
    this.#refresh();
    let found: Caller | undefined;
    for (const known of this.#known) {
      if (timingSafeEqual(digest, known.digest)) found = known.caller;
    }
    return found;
  }

  #know(fromFile: readonly string[]): void {
    const { tokens, toCaller } = this.#parts;
    this.#known = [...tokens, ...fromFile].map((token, index) => ({
      digest: toDigest(token),
      caller: toCaller(index),
    }));
  }

  /** A stat per request is cheaper than a watcher, and misses no rename of a mounted Secret. */
  #refresh(): void {
    const { file, outlivesFile } = this.#parts;
    if (file === undefined) return;
    const state = toState(file);
    if (state === this.#fileState) return;
    const tokens = readTokens(file);
    // A file caught empty in the middle of a rewrite, or gone for a moment.
    if (tokens.length === 0 && outlivesFile) return;
    this.#know(tokens);
    this.#fileState = state;
  }
}

/** Equal lengths, which the constant-time comparison needs. */
export function toDigest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Changes whenever the file does; undefined where there is none that can be looked at. */
function toState(file: string): string | undefined {
  try {
    const stats = statSync(file, { bigint: true, throwIfNoEntry: false });
    return stats && `${stats.mtimeNs} ${stats.ino} ${stats.size}`;
  } catch {
    return undefined;
  }
}

function readTokens(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split(/[\s,]+/)
      .filter(Boolean);
  } catch {
    return [];
  }
}
