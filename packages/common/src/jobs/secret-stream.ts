import { REDACTED } from '../requests/credentials.ts';

/**
 * Masks a text that comes in pieces, as the whole would be masked: of what has come it holds back less
 * than the longest secret, which may go on in the next piece.
 */
export class SecretStream {
  readonly #pattern: RegExp;
  readonly #longest: number;
  #held = '';

  /** `pattern` is global and takes the longest of what it may find; `longest` is how long that may be. */
  constructor(pattern: RegExp, longest: number) {
    this.#pattern = new RegExp(pattern);
    this.#longest = longest;
  }

  /** What may be shown by now. */
  push(text: string): string {
    const known = this.#held + text;
    // Whatever begins before this is here as a whole.
    return this.#release(known, known.length - this.#longest + 1);
  }

  /** The rest, since nothing more comes; it can be used anew then. */
  end(text = ''): string {
    const known = this.#held + text;
    return this.#release(known, known.length);
  }

  #release(known: string, until: number): string {
    let shown = '';
    let at = 0;
    this.#pattern.lastIndex = 0;
    for (let found = this.#pattern.exec(known); found; found = this.#pattern.exec(known)) {
      if (found.index >= until) break;
      shown += known.slice(at, found.index) + REDACTED;
      at = found.index + found[0].length;
    }
    const end = Math.max(at, until, 0);
    this.#held = known.slice(end);
    return shown + known.slice(at, end);
  }
}
