import { setTimeout as delay } from 'node:timers/promises';
import { Client, type Dispatcher } from 'undici';

export interface Request {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly path: string;
  readonly body?: string;
}

export interface LoadOptions {
  readonly connections: number;
  /** Endless by default: then `next` says when it is enough. */
  readonly durationMs?: number;
  readonly next: () => Request | undefined;
}

const HEADERS = { 'content-type': 'application/json' };

/** How long to wait when the service says that it is overloaded, as a busy machine makes it. */
const BACK_OFF_MS = 200;

/**
 * Sends requests over kept-alive connections, each of which waits for its answer before it sends
 * the next one (no pipelining); how many were answered with 200. One answered with 503 is repeated.
 * @throws Error on any other answer: a refusal is cheap, and would make the figures lie.
 */
export async function applyLoad(url: string, options: LoadOptions): Promise<number> {
  const endsAtMs = performance.now() + (options.durationMs ?? Number.POSITIVE_INFINITY);
  const loops = Array.from({ length: options.connections }, () => loop(url, options, endsAtMs));
  return (await Promise.all(loops)).reduce((sum, count) => sum + count, 0);
}

async function loop(url: string, { next }: LoadOptions, endsAtMs: number): Promise<number> {
  const client = new Client(url, { pipelining: 1 });
  let count = 0;
  for (let request = next(); request && performance.now() < endsAtMs; request = next()) {
    const { method, path, body = null } = request;
    const options = { method, path, body, headers: body === null ? {} : HEADERS };
    let status = await send(client, options);
    for (; status === 503; status = await send(client, options)) await delay(BACK_OFF_MS);
    if (status !== 200) throw new Error(`${method} ${path} was answered with ${status}.`);
    count += 1;
  }
  await client.close();
  return count;
}

/** Cheaper than `client.request`, so that the load costs little beside what is measured. */
function send(client: Client, options: Dispatcher.DispatchOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    let status = 0;
    client.dispatch(options, {
      onRequestStart: () => {},
      onResponseStart: (_controller, statusCode) => {
        status = statusCode;
      },
      onResponseData: () => {},
      onResponseEnd: () => resolve(status),
      onResponseError: (_controller, error) => reject(error),
    });
  });
}
