/** One call of the Kubernetes API. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT';
  /** From the server's root, already encoded: `/api/v1/namespaces/jobs/secrets/x`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** By default `application/json`; a PATCH says which kind it is. */
  readonly contentType?: string;
  /** By default `application/json`. */
  readonly accept?: string;
  /** For a call until its whole answer is there (10 s by default); for a watch, silence (90 s). */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Its sender repeats it after a pause, so that it is made even while others are held back. */
  readonly isRetriedBySender?: boolean;
  /** What another server serves through this one: its refusals say nothing about the API server. */
  readonly isServedElsewhere?: boolean;
}

/** A connection to one API server, shared by everything that talks to it. */
export interface ApiClient {
  /**
   * Makes one call and returns the parsed answer.
   * @throws ApiError for any answer but 2xx, and for none at all (`status` undefined).
   */
  call<T>(request: ApiRequest): Promise<T>;
  /**
   * Opens a watch, resolves once the server has accepted it, and yields events until the server
   * ends it or `signal` aborts. The events must be iterated, else the connection is never freed.
   * @throws ApiError as `call` does, also for an ERROR event; a broken connection, silence and
   * lines that cannot be read count as no answer.
   */
  watch<T>(request: ApiRequest): Promise<AsyncIterable<WatchEvent<T>>>;
  /**
   * Opens an answer of any length, such as a log, and yields it as it comes and as fast as it is
   * iterated, until the server ends it or `signal` aborts. It may be silent for as long as it likes. The
   * bytes must be iterated, else the connection is never freed.
   * @throws ApiError as `call` does; a broken connection counts as no answer.
   */
  stream(request: ApiRequest): Promise<AsyncIterable<Buffer>>;
  /** Where the API server listens. */
  endpoint(): { readonly address: string; readonly port: number };
  close(): Promise<void>;
}

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

/**
 * What the API server said no with. `serverMessage` is its own sentence, which may name objects
 * and accounts of the cluster: for logs, and for callers only where this code decides so.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  /** The Status object's machine-readable reason, such as `AlreadyExists`. */
  readonly reason: string | undefined;
  readonly serverMessage: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    summary: string,
    answer: {
      status?: number | undefined;
      reason?: string | undefined;
      serverMessage?: string | undefined;
      retryAfterSeconds?: number | undefined;
      cause?: unknown;
    },
  ) {
    super(summary, { cause: answer.cause });
    this.status = answer.status;
    this.reason = answer.reason;
    this.serverMessage = answer.serverMessage;
    this.retryAfterSeconds = answer.retryAfterSeconds;
  }
}
