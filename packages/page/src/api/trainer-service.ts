import { ServiceError, toServiceError } from './service-error.ts';
import type { TokenStore } from './token-store.ts';

export interface AskOptions {
  readonly signal?: AbortSignal;
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const TIMEOUT_MS = 15_000;

/** One service, asked by the browser itself with the token of its origin. */
export class TrainerService {
  readonly name: string;
  readonly #baseUrl: string;
  readonly #tokens: TokenStore;
  readonly #fetch: typeof fetch;

  constructor(name: string, baseUrl: string, tokens: TokenStore, send = fetch.bind(globalThis)) {
    this.name = name;
    this.#baseUrl = baseUrl;
    this.#tokens = tokens;
    this.#fetch = send;
  }

  get origin(): string {
    return new URL(this.#baseUrl).origin;
  }

  useToken(token: string): void {
    this.#tokens.set(this.origin, token);
  }

  /**
   * The JSON of a success.
   * @throws ServiceError for any other outcome, or the reason of `signal`.
   */
  async ask<T>(path: string, options: AskOptions = {}): Promise<T> {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
    const response = await this.open(path, { ...options, signal });
    try {
      return (await response.json()) as T;
    } catch {
      options.signal?.throwIfAborted();
      throw new ServiceError(`The answer of ${this.name} broke off.`, 'UNREACHABLE');
    }
  }

  /** A success whose body has yet to be read, for as long as `signal` lets it. */
  async open(path: string, { signal, body, ...options }: AskOptions): Promise<Response> {
    const token = this.#tokens.get(this.origin);
    let response: Response;
    try {
      response = await this.#fetch(new URL(path, this.#baseUrl), {
        method: options.method ?? 'GET',
        headers: {
          accept: 'application/json, application/problem+json',
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(token !== undefined && { 'x-trainer-token': token }),
          ...options.headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(signal && { signal }),
        cache: 'no-store',
        credentials: 'omit',
        // A redirect would take the token with it.
        redirect: 'error',
      });
    } catch {
      if (signal?.aborted && (signal.reason as Error)?.name !== 'TimeoutError') throw signal.reason;
      throw new ServiceError(`${this.name} cannot be reached at ${this.origin}.`, 'UNREACHABLE');
    }
    if (response.ok) return response;
    throw await toServiceError(response);
  }
}

/** The path of a job, or of something below it. */
export function toJobPath(jobId: string, below = ''): string {
  return `train/${encodeURIComponent(jobId)}${below}`;
}
