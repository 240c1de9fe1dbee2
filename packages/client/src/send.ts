import type { ProblemDocument } from './job.ts';
import { TrainerApiError } from './trainer-api-error.ts';

export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  /** Empty where the answer has none, as a 204. */
  readonly body: Record<string, unknown>;
  readonly headers: Headers;
}

/**
 * Makes one HTTP request for a JSON object.
 * @throws TrainerApiError for any other outcome, or the reason of `signal` when that is aborted.
 */
export async function send(
  fetch: typeof globalThis.fetch,
  call: Call,
  { signal, timeoutMs }: Patience,
): Promise<Answer> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const cut = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
  return translateFailures(call.url, { signal, timeoutMs, timeout }, async () => {
    const response = await ask(fetch, call, cut);
    const text = await response.text();
    if (response.status === 204) return { body: {}, headers: response.headers };
    const body = parseObject(text);
    if (response.ok && body !== undefined) return { body, headers: response.headers };
    throw toError(response, body);
  });
}

/**
 * Makes one HTTP request for an answer of any length; `timeoutMs` is for its beginning.
 * @throws TrainerApiError as `send` does.
 */
export async function openStream(
  fetch: typeof globalThis.fetch,
  call: Call,
  { signal, timeoutMs }: Patience,
): Promise<ReadableStream<Uint8Array>> {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), timeoutMs);
  const cut = signal === undefined ? timeout.signal : AbortSignal.any([signal, timeout.signal]);
  try {
    const known = { signal, timeoutMs, timeout: timeout.signal };
    return await translateFailures(call.url, known, async () => {
      const response = await ask(fetch, call, cut);
      if (response.ok && response.body !== null) return response.body;
      throw await toRefusal(response);
    });
  } finally {
    clearTimeout(timer);
  }
}

interface Patience {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
}

/** Makes the request itself; what `fetch` throws is not translated. */
export function ask(
  fetch: typeof globalThis.fetch,
  { url, ...call }: Call,
  signal: AbortSignal,
): Promise<Response> {
  // A redirect would take the token with it.
  return fetch(url, { ...call, redirect: 'manual', signal });
}

async function translateFailures<T>(
  url: URL,
  { signal, timeoutMs, timeout }: Patience & { readonly timeout: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TrainerApiError) throw error;
    signal?.throwIfAborted();
    if (timeout.aborted) {
      const message = `${url.origin} did not answer within ${timeoutMs / 1000} s.`;
      throw new TrainerApiError(message, { code: 'TIMEOUT', cause: error });
    }
    throw toUnreachable(url, error);
  }
}

/** Why an answer that is none of those that were asked for was given. */
export async function toRefusal(response: Response): Promise<TrainerApiError> {
  return toError(response, parseObject(await response.text()));
}

export function toUnreachable(url: URL, cause: unknown): TrainerApiError {
  const message = `${url.origin} cannot be reached.`;
  return new TrainerApiError(message, { code: 'UNREACHABLE', cause });
}

function toError(response: Response, body: Record<string, unknown> | undefined): TrainerApiError {
  const { status, headers } = response;
  const retryAfterMs = parseRetryAfter(headers.get('retry-after'));
  if (body === undefined || typeof body.code !== 'string' || typeof body.detail !== 'string') {
    const message = `The answer, of status ${status}, is not one of a Trainer API.`;
    return new TrainerApiError(message, { code: 'UNEXPECTED_ANSWER', status, retryAfterMs });
  }
  const errors = Array.isArray(body.errors) ? body.errors : [];
  const problem = { ...body, errors } as unknown as ProblemDocument;
  return new TrainerApiError(problem.detail, { code: problem.code, status, problem, retryAfterMs });
}

/** Seconds, or a date. */
function parseRetryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
