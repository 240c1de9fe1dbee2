import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';

/** A plain-HTTP proxy to the API server which counts what passes, as `create secrets`. */
export class CountingProxy implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #agent: Agent;
  #counts = new Map<string, number>();

  private constructor(url: string, server: Server, agent: Agent) {
    this.url = url;
    this.#server = server;
    this.#agent = agent;
  }

  static async open(target: string): Promise<CountingProxy> {
    const server = createServer((incoming, outgoing) => proxy.#pass(target, incoming, outgoing));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    // The proxy is a stranger to the cluster's CA; both ends of this leg are on loopback.
    const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
    const proxy = new CountingProxy(`http://127.0.0.1:${port}`, server, agent);
    return proxy;
  }

  /** What passed since the last call, by verb and resource. */
  take(): ReadonlyMap<string, number> {
    const counts = this.#counts;
    this.#counts = new Map();
    return counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    this.#agent.destroy();
    await once(this.#server, 'close');
  }

  #pass(target: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { method = 'GET', headers } = incoming;
    const url = new URL(incoming.url ?? '/', target);
    const call = toCall(method, url);
    this.#counts.set(call, (this.#counts.get(call) ?? 0) + 1);
    const upstream = request(url, { method, headers, agent: this.#agent }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.flushHeaders();
      answer.on('error', () => outgoing.destroy());
      answer.pipe(outgoing);
    });
    upstream.on('error', () => outgoing.destroy());
    outgoing.on('close', () => upstream.destroy());
    incoming.pipe(upstream);
  }
}

const VERBS: Readonly<Record<string, string>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** The verb and the resource as RBAC names them. */
function toCall(method: string, { pathname, searchParams }: URL): string {
  const parts = pathname.split('/').filter((part) => part !== '');
  if (parts[0] === 'openapi') return 'get openapi';
  const rest = parts.slice(parts[0] === 'api' ? 2 : 3);
  const [resource = '', name] = rest[0] === 'namespaces' ? rest.slice(2) : rest;
  const read = name === undefined ? 'list' : 'get';
  const verb = searchParams.get('watch') === 'true' ? 'watch' : (VERBS[method] ?? read);
  return `${verb} ${resource}`;
}
