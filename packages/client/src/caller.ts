import { Backoff } from './backoff.ts';
import type { CallOptions, TrainerClientOptions } from './client-options.ts';
import { type Answer, type Call, send } from './send.ts';
import { TrainerApiError } from './trainer-api-error.ts';

/** A service that asks for more patience than this is not waited for. */
const LONGEST_RETRY_AFTER_MS = 60_000;

/** Calls one Trainer API: its address, the token, and repetition. */
export class Caller {
  readonly options: Required<Omit<TrainerClientOptions, 'baseUrl'>>;
  readonly #baseUrl: URL;

  /** @throws TypeError when `baseUrl` is not an http(s) URL, or holds a user name or password. */
  constructor({ baseUrl, ...options }: TrainerClientOptions) {
    this.#baseUrl = new URL(baseUrl);
    if (!/^https?:$/.test(this.#baseUrl.protocol)) {
      throw new TypeError('baseUrl must be an http or https URL.');
    }
    if (this.#baseUrl.username !== '' || this.#baseUrl.password !== '') {
      throw new TypeError('baseUrl must hold no user name or password, which fetch refuses.');
    }
    if (!this.#baseUrl.pathname.endsWith('/')) this.#baseUrl.pathname += '/';
    this.options = {
      token: () => undefined,
      fetch: globalThis.fetch,
      timeoutMs: 30_000,
      retries: 4,
      retryPace: { firstMs: 500, longestMs: 10_000 },
      pollPace: { firstMs: 1000, longestMs: 30_000 },
      ...options,
    };
  }

  /** Of a path that is relative to the service's own. */
  toUrl(path: string): URL {
    return new URL(path, this.#baseUrl);
  }

  /** Calls a path of the service; what may be repeated is, by `retries`, while failures may pass. */
  async call(
    method: Call['method'],
    path: string,
    { signal, body, retries }: CallOptions & { body?: string; retries?: number },
  ): Promise<Answer> {
    const { fetch, timeoutMs, retryPace, ...defaults } = this.options;
    const url = this.toUrl(path);
    const backoff = new Backoff(retryPace);
    for (let left = retries ?? defaults.retries; ; left -= 1) {
      signal?.throwIfAborted();
      const headers = await this.headers({ hasBody: body !== undefined });
      const call = { method, url, headers, ...(body !== undefined && { body }) };
      try {
        return await send(fetch, call, { signal, timeoutMs });
      } catch (error) {
        if (!(error instanceof TrainerApiError) || !error.isPassing || left <= 0) throw error;
        const { retryAfterMs = 0 } = error;
        if (retryAfterMs > LONGEST_RETRY_AFTER_MS) throw error;
        await backoff.wait(signal, retryAfterMs);
      }
    }
  }

  /**
   * What every request carries: the token, and which answers are understood.
   * @throws TypeError when no header can carry the token.
   */
  async headers({ hasBody = false } = {}): Promise<Record<string, string>> {
    const { token } = this.options;
    const given = typeof token === 'function' ? await token() : token;
    if (given !== undefined && !isHeaderValue(given)) {
      throw new TypeError('The token holds a character that no HTTP header can carry.');
    }
    return {
      accept: 'application/json, application/problem+json',
      ...(hasBody && { 'content-type': 'application/json' }),
      ...(given !== undefined && given !== '' && { 'x-trainer-token': given }),
    };
  }
}

/** Fetch trims a value, and refuses one as if the service were unreachable. */
function isHeaderValue(text: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text.trim());
}
