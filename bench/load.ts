import { Client, type Dispatcher } from 'undici';

export interface LoadOptions {
  readonly connections: number;
  readonly durationMs: number;
  /** The next request; called as often as there are requests. */
  readonly next: () => { readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: string };
}

const HEADERS = { 'content-type': 'application/json' };

/**
 * Sends requests for a while over kept-alive connections, each of which waits for its answer before
 * it sends the next one (no pipelining); the number that were answered with 200.
 * @throws Error on any other answer: a refusal is cheap, and would make the figures lie.
 */
export async function applyLoad(url: string, options: LoadOptions): Promise<number> {
  const endsAtMs = performance.now() + options.durationMs;
  const loops = Array.from({ length: options.connections }, () => loop(url, options, endsAtMs));
  return (await Promise.all(loops)).reduce((sum, count) => sum + count, 0);
}

async function loop(url: string, { next }: LoadOptions, endsAtMs: number): Promise<number> {
  const client = new Client(url, { pipelining: 1 });
  let count = 0;
  while (performance.now() < endsAtMs) {
    const { method, path, body = null } = next();
    await send(client, { method, path, body, headers: body === null ? {} : HEADERS });
    count += 1;
  }
  await client.close();
  return count;
}

/** Cheaper than `client.request`, so that the load costs little beside what is measured. */
function send(client: Client, options: Dispatcher.DispatchOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    let status = 0;
    client.dispatch(options, {
      onRequestStart: () => {},
      onResponseStart: (_controller, statusCode) => {
        status = statusCode;
      },
      onResponseData: () => {},
      onResponseEnd: () => {
        if (status === 200) resolve();
        else reject(new Error(`${options.method} ${options.path} was answered with ${status}.`));
      },
      onResponseError: (_controller, error) => reject(error),
    });
  });
}
