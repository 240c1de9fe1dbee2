/** A shorter one, or one with less in it that is no word, would be found in harmless names. */
const MIN_LENGTH = 16;
const MIN_MIXED = 12;
/** So many characters stand for a token: the most that it has. Few, since each is looked for apart. */
const LENGTHS = [64, 32, 24, MIN_LENGTH];
const KINDS = [/[a-z]/, /[A-Z]/, /\d/];

/**
 * Whether a text can hardly be anything but a credential: long, and much of it mixes lower case,
 * upper case and digits as no words do.
 */
export function isTokenLike(text: string): boolean {
  if (text.length < MIN_LENGTH || countKinds(text) < 2) return false;
  // `TrainingStudio` is two words.
  const runs = text.replaceAll(/[A-Z](?=[a-z]{2})/g, 'a').match(/[A-Za-z0-9]+/g) ?? [];
  const mixed = runs.filter((run) => countKinds(run) > 1);
  return mixed.reduce((sum, { length }) => sum + length, 0) >= MIN_MIXED;
}

function countKinds(text: string): number {
  return KINDS.filter((kind) => kind.test(text)).length;
}

/**
 * Finds in a text those of many credentials that look like tokens, of a long one its first 64
 * characters. What it costs grows with the text, however many there are.
 */
export class TokenSearch {
  readonly #starts = new Map<number, Set<string>>();

  /** With `atMost`, so many first characters of a token are enough. */
  constructor(credentials: readonly string[], atMost = Number.POSITIVE_INFINITY) {
    for (const token of credentials.filter(isTokenLike)) {
      const length = LENGTHS.find((each) => each <= token.length) ?? MIN_LENGTH;
      const shown = Math.min(length, atMost);
      const starts = this.#starts.get(shown) ?? new Set();
      this.#starts.set(shown, starts.add(token.slice(0, shown)));
    }
  }

  isIn(text: string): boolean {
    for (const [length, starts] of this.#starts) {
      for (let from = 0; from + length <= text.length; from += 1) {
        if (starts.has(text.slice(from, from + length))) return true;
      }
    }
    return false;
  }
}
