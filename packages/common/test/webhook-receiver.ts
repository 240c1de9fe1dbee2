import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as it arrived. */
export interface Received {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The body parsed; empty when it is not a JSON object. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly receivedAtMs: number;
}

/**
 * A status, or more of an answer; `hang` never answers, `drip` answers 200 and then one byte of an
 * endless body every 20 ms, `reset` cuts the connection.
 */
export type Answer =
  | number
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  | 'hang'
  | 'drip'
  | 'reset';
type Answers = Answer | readonly Answer[] | ((received: Received) => Answer | Promise<Answer>);

export interface WebhookReceiver {
  /** `http://127.0.0.1:<port>/hook` */
  readonly url: string;
  readonly port: number;
  /** All so far, oldest first. */
  readonly requests: readonly Received[];
  readonly connectionCount: number;
  /** The oldest request that matches and that no earlier call returned, once it has arrived. */
  next(predicate?: (received: Received) => boolean): Promise<Received>;
  /** From now on: always the same, computed, or one after the other, of which the last stays. */
  respondWith(answers: Answers): void;
  close(): Promise<void>;
}

/** A webhook on a real loopback socket; it answers 200 unless told otherwise. */
export async function startWebhookReceiver(
  options: { host?: string; answers?: Answers } = {},
): Promise<WebhookReceiver> {
  const requests: Received[] = [];
  const unread = new Set<Received>();
  const waiting = new Set<() => void>();
  let answers = options.answers ?? 200;
  let connectionCount = 0;

  const toAnswer = (received: Received): Answer | Promise<Answer> => {
    if (typeof answers === 'function') return answers(received);
    if (typeof answers !== 'object' || !('length' in answers)) return answers;
    const [first = 200, ...rest] = answers;
    if (rest.length > 0) answers = rest;
    return first;
  };
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const received = await receive(request);
    requests.push(received);
    unread.add(received);
    for (const wake of waiting) wake();
    send(await toAnswer(received), request, response);
  };
  const server = createServer((request, response) => {
    // Fails when the sender gives up half-way.
    answer(request, response).catch(() => request.destroy());
  });
  server.on('connection', () => {
    connectionCount += 1;
  });
  await new Promise<void>((resolve) => {
    server.listen(0, options.host ?? '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const host = options.host?.includes(':') ? `[${options.host}]` : (options.host ?? '127.0.0.1');

  return {
    url: `http://${host}:${port}/hook`,
    port,
    requests,
    get connectionCount() {
      return connectionCount;
    },
    next: (predicate = () => true) =>
      new Promise((resolve) => {
        const wake = () => {
          const received = [...unread].find(predicate);
          if (received === undefined) return;
          unread.delete(received);
          waiting.delete(wake);
          resolve(received);
        };
        waiting.add(wake);
        wake();
      }),
    respondWith: (next) => {
      answers = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function receive(request: IncomingMessage): Promise<Received> {
  const receivedAtMs = Date.now();
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  const { method = '', url: path = '', headers } = request;
  return { method, path, headers, body, json: parseJson(body), receivedAtMs };
}

function parseJson(text: string): Received['json'] {
  try {
    return { ...JSON.parse(text) };
  } catch {
    return {};
  }
}

function send(answer: Answer, request: IncomingMessage, response: ServerResponse): void {
  if (answer === 'hang') return;
  if (answer === 'reset') {
    request.socket.resetAndDestroy();
    return;
  }
  if (answer === 'drip') {
    response.writeHead(200).write('.');
    const timer = setInterval(() => response.write('.'), 20);
    response.on('close', () => clearInterval(timer));
    return;
  }
  const { status, headers, body } = typeof answer === 'number' ? { status: answer } : answer;
  response.writeHead(status, headers).end(body);
}
