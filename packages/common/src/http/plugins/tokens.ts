import type { Config } from '../../config.ts';
import { type Caller, TokenList, toDigest } from './token-list.ts';

type TokensConfig = Pick<Config, 'tokens' | 'tokenFile'> &
  Partial<Pick<Config, 'tokenNames' | 'readTokens' | 'readTokensFile' | 'readTokenNames'>>;

/** The tokens that callers may present; files with tokens are read again whenever they change. */
export class Tokens {
  /** Whether nobody needs a token. */
  readonly isOpen: boolean;
  readonly #callers: TokenList;
  readonly #readers: TokenList;

  /** @throws Error when the token file cannot be read or holds no token. */
  constructor(config: TokensConfig) {
    const { tokens, tokenFile, tokenNames = [], readTokenNames = [] } = config;
    this.isOpen = tokens.length === 0 && tokenFile === undefined;
    this.#callers = new TokenList({
      tokens,
      file: tokenFile,
      toCaller: (index) => ({ name: tokenNames[index] ?? `token-${index + 1}`, mayWrite: true }),
      // Nobody is to be locked out by a moment without it.
      outlivesFile: true,
    });
    this.#readers = new TokenList({
      tokens: config.readTokens ?? [],
      file: config.readTokensFile,
      toCaller: (index) => ({
        name: readTokenNames[index] ?? `reader-${index + 1}`,
        mayWrite: false,
      }),
      outlivesFile: false,
    });
    if (tokenFile !== undefined && this.#callers.size === tokens.length) {
      throw new Error(
        `TRAINER_API_TOKEN_FILE is ${tokenFile}; it must be a readable file that holds a token.`,
      );
    }
  }

  /** Who presents a token; undefined for a wrong one. Takes the same time for every wrong one. */
  callerOf(token: string): Caller | undefined {
    const digest = toDigest(token);
    return this.#callers.find(digest) ?? this.#readers.find(digest);
  }

  /** Whether the token is good for reading at least. */
  mayRead(token: string): boolean {
    return this.callerOf(token) !== undefined;
  }
}
