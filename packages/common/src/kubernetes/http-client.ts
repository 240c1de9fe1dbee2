import { STATUS_CODES } from 'node:http';
import { type Dispatcher, request as send } from 'undici';
import { type Clock, systemClock } from '../clock.ts';
import { parsePrivateJson } from '../private-json.ts';
import { type ApiClient, ApiError, type ApiRequest, type WatchEvent } from './api-client.ts';
import { type Access, Connection } from './connection.ts';
import { readJsonLines } from './json-lines.ts';

export interface ApiClientOptions {
  readonly clock?: Clock;
  /** Instead of what the environment says. */
  readonly kubeconfigPath?: string;
  readonly userAgent?: string;
  /** See Connection. */
  readonly maxConnections?: number;
}

const CALL_TIMEOUT_MS = 10_000;
/** A healthy watch brings a bookmark every minute, so longer silence is a dead connection. */
const WATCH_SILENCE_MS = 90_000;
const WATCH_OPEN_MS = 30_000;
/** The API server asks the kubelet before it answers. */
const STREAM_OPEN_MS = 30_000;

/** A Status object of the API server, which it answers instead of what was asked for. */
interface Status {
  readonly kind?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly code?: number;
  readonly details?: { readonly retryAfterSeconds?: number };
}

/**
 * Connects to the cluster that the environment describes; makes no call yet.
 * @throws ConfigError when it describes none.
 */
export async function createApiClient(options: ApiClientOptions = {}): Promise<ApiClient> {
  const { clock = systemClock, kubeconfigPath, userAgent = 'trainer-api' } = options;
  const connection = await Connection.open(clock, kubeconfigPath, options.maxConnections);
  return new HttpApiClient(connection, userAgent);
}

/** The Kubernetes API over one pool of kept-alive connections. */
class HttpApiClient implements ApiClient {
  readonly #connection: Connection;
  readonly #userAgent: string;

  constructor(connection: Connection, userAgent: string) {
    this.#connection = connection;
    this.#userAgent = userAgent;
  }

  endpoint(): { address: string; port: number } {
    const { hostname, port, protocol } = new URL(this.#connection.server);
    const defaultPort = protocol === 'http:' ? 80 : 443;
    return { address: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || defaultPort };
  }

  async call<T>(request: ApiRequest): Promise<T> {
    const { timeoutMs = CALL_TIMEOUT_MS, signal } = request;
    const timeout = AbortSignal.timeout(timeoutMs);
    const cut = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    try {
      const answer = await this.#send(request, { signal: cut });
      return parsePrivateJson(await answer.body.text(), 'the body') as T;
    } catch (error) {
      if (error instanceof ApiError) throw error;
      throw toNoAnswer(request, timeout.aborted ? `none within ${timeoutMs} ms` : error);
    }
  }

  async watch<T>(request: ApiRequest): Promise<AsyncIterable<WatchEvent<T>>> {
    const { timeoutMs = WATCH_SILENCE_MS, signal = null } = request;
    const options = { signal, bodyTimeout: timeoutMs, headersTimeout: WATCH_OPEN_MS };
    try {
      const query = { ...request.query, watch: true };
      const { body } = await this.#send({ ...request, query }, options);
      return readEvents(request, body);
    } catch (error) {
      throw error instanceof ApiError ? error : toNoAnswer(request, error);
    }
  }

  async stream(request: ApiRequest): Promise<AsyncIterable<Buffer>> {
    const { signal = null } = request;
    const options = { signal, bodyTimeout: 0, headersTimeout: STREAM_OPEN_MS };
    try {
      const { body } = await this.#send(request, options);
      return readBytes(request, body);
    } catch (error) {
      throw error instanceof ApiError ? error : toNoAnswer(request, error);
    }
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #send(request: ApiRequest, options: SendOptions): Promise<Dispatcher.ResponseData> {
    const access = await untilAborted(this.#connection.access(), options.signal);
    const answer = await this.#attempt(request, access, options);
    if (isSuccess(answer)) return answer;
    const refusal = await toRefusal(request, answer);
    if (refusal.status !== 401) throw refusal;
    // A refused identity means that nothing was done, so any call may be repeated.
    const renewed = await untilAborted(this.#connection.renew(access), options.signal);
    if (renewed === access) throw refusal;
    const second = await this.#attempt(request, renewed, options);
    if (isSuccess(second)) return second;
    throw await toRefusal(request, second);
  }

  #attempt(request: ApiRequest, access: Access, options: SendOptions) {
    const { method, path, query, body, accept, contentType } = request;
    const json = 'application/json';
    const answer = send(`${access.server}${path}${toSearch(query)}`, {
      ...options,
      method,
      dispatcher: access.dispatcher,
      headers: {
        ...access.headers,
        'user-agent': this.#userAgent,
        accept: accept ?? json,
        ...(body !== undefined && { 'content-type': contentType ?? json }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    // An aborted call that still waits for its connection would reject only when that has failed.
    return untilAborted(answer, options.signal);
  }
}

/** Neither credential plugins, which are programs of others, nor connecting can be aborted. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | null): Promise<T> {
  if (signal === null) return promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([aborted, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

async function* readEvents<T>(
  request: ApiRequest,
  body: Dispatcher.ResponseData['body'],
): AsyncIterable<WatchEvent<T>> {
  const isAborted = () => request.signal?.aborted === true;
  try {
    for await (const event of readJsonLines(body)) {
      if (isAborted()) return;
      const { type, object } = event as WatchEvent<T> | { type: 'ERROR'; object: Status };
      if (type === 'ERROR') throw toApiError(request, object.code ?? 500, object, undefined);
      yield { type, object };
    }
  } catch (error) {
    if (isAborted()) return;
    throw error instanceof ApiError ? error : toNoAnswer(request, error);
  }
}

async function* readBytes(
  request: ApiRequest,
  body: Dispatcher.ResponseData['body'],
): AsyncIterable<Buffer> {
  try {
    for await (const chunk of body) yield chunk as Buffer;
  } catch (error) {
    if (request.signal?.aborted !== true) throw toNoAnswer(request, error);
  }
}

interface SendOptions {
  readonly signal: AbortSignal | null;
  readonly bodyTimeout?: number;
  readonly headersTimeout?: number;
}

function toSearch(query: ApiRequest['query']): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value !== undefined) search.set(key, String(value));
  }
  return search.size === 0 ? '' : `?${search}`;
}

function isSuccess({ statusCode }: Dispatcher.ResponseData): boolean {
  return statusCode >= 200 && statusCode < 300;
}

async function toRefusal(
  request: ApiRequest,
  { statusCode, headers, body }: Dispatcher.ResponseData,
): Promise<ApiError> {
  const status = parseStatus(await body.text());
  const retryAfter = Number(headers['retry-after']);
  return toApiError(
    request,
    statusCode,
    status,
    Number.isFinite(retryAfter) ? retryAfter : undefined,
  );
}

/** Proxies in between answer with pages of their own, of which nothing is kept. */
function parseStatus(text: string): Status {
  try {
    const value = JSON.parse(text) as Status | null;
    return value?.kind === 'Status' ? value : {};
  } catch {
    return {};
  }
}

function toApiError(
  { method, path }: ApiRequest,
  status: number,
  { reason, message, details }: Status,
  retryAfterSeconds: number | undefined,
): ApiError {
  const meaning = reason || STATUS_CODES[status] || '';
  return new ApiError(`${method} ${path} was answered ${status} ${meaning}`.trim(), {
    status,
    reason: reason || undefined,
    serverMessage: message,
    retryAfterSeconds: retryAfterSeconds ?? details?.retryAfterSeconds,
  });
}

function toNoAnswer({ method, path }: ApiRequest, why: unknown): ApiError {
  const text = why instanceof Error ? why.message || why.name : String(why);
  return new ApiError(`${method} ${path} got no usable answer: ${text}`, {
    cause: why instanceof Error ? why : undefined,
  });
}
