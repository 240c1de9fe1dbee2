import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

/** What happens to a call instead of reaching the API server. */
export type Fault = 'reset' | 'gone' | 500 | 403;

const GONE = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };

/** A call that has come in and waits. */
export interface CaughtCall {
  /** Lets it go on to the API server, also when its sender has given up; resolves with the status. */
  pass(): Promise<number>;
}

interface Catcher {
  readonly isMeant: (method: string, path: string) => boolean;
  readonly caught: (call: CaughtCall) => void;
}

/** A plain-HTTP proxy of the real API server that can break in every way a network can. */
export class FaultProxy {
  readonly url: string;
  /** Calls that came in, oldest first, as `list`, `watch` or the method. */
  readonly calls: string[] = [];
  /** Decides on each call, by what `calls` would say of it and its path; by default all pass. */
  fault: (call: string, path: string) => Fault | undefined = () => undefined;
  readonly #close: () => Promise<void>;
  readonly #watches = new Set<ServerResponse>();
  readonly #sockets: ReadonlySet<Socket>;
  readonly #catchers = new Set<Catcher>();

  private constructor(url: string, sockets: ReadonlySet<Socket>, close: () => Promise<void>) {
    this.url = url;
    this.#sockets = sockets;
    this.#close = close;
  }

  static async open(server: string): Promise<FaultProxy> {
    const sockets = new Set<Socket>();
    const http = createServer((incoming, outgoing) => proxy.#serve(server, incoming, outgoing));
    http.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const close = async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => http.close(resolve));
    };
    const { port } = http.address() as AddressInfo;
    const proxy = new FaultProxy(`http://127.0.0.1:${port}`, sockets, close);
    return proxy;
  }

  get watchCount(): number {
    return this.#watches.size;
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  /** Breaks every watch that is open. */
  breakWatches(how: 'reset' | 'end' | 'malformed' | 'gone' | 'silence'): void {
    for (const watch of this.#watches) {
      if (how === 'reset') watch.socket?.resetAndDestroy();
      if (how === 'malformed') watch.write('{"type":"ADDED","object":\n');
      if (how === 'gone') watch.write(`${JSON.stringify({ type: 'ERROR', object: GONE })}\n`);
      if (how === 'end') watch.end();
      watch.emit('cut');
    }
  }

  /** Holds the next call that is meant, whatever `fault` says; resolves once it has come in. */
  catch(isMeant: Catcher['isMeant']): Promise<CaughtCall> {
    return new Promise((caught) => this.#catchers.add({ isMeant, caught }));
  }

  close(): Promise<void> {
    return this.#close();
  }

  #serve(server: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
    const url = new URL(incoming.url ?? '/', server);
    const isCollection = incoming.method === 'GET' && url.searchParams.size > 0;
    const isWatch = url.searchParams.get('watch') === 'true';
    const call = isWatch ? 'watch' : isCollection ? 'list' : (incoming.method ?? '');
    this.calls.push(call);
    const pass = () => this.#pass(url, incoming, outgoing);
    const catcher = this.#catcherOf(incoming.method ?? '', url.pathname);
    if (catcher !== undefined) return void catcher.caught({ pass });
    const fault = this.fault(call, url.pathname);
    if (fault === 'reset') return void incoming.socket.resetAndDestroy();
    if (fault !== undefined) {
      const status = fault === 'gone' ? GONE : { kind: 'Status', code: fault };
      outgoing.writeHead(status.code, { 'content-type': 'application/json' });
      return void outgoing.end(JSON.stringify(status));
    }
    // What became of it is told to the sender.
    pass().catch(() => {});
  }

  #catcherOf(method: string, path: string): Catcher | undefined {
    const catcher = [...this.#catchers].find(({ isMeant }) => isMeant(method, path));
    if (catcher !== undefined) this.#catchers.delete(catcher);
    return catcher;
  }

  #pass(url: URL, incoming: IncomingMessage, outgoing: ServerResponse): Promise<number> {
    const isWatch = url.searchParams.get('watch') === 'true';
    const { method, headers } = incoming;
    // The proxy is a stranger to the cluster's CA; both ends of this leg are on loopback.
    const options = { method, headers, rejectUnauthorized: false, agent: false as const };
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const upstream = request(url, options, (answer) => {
      resolve(answer.statusCode ?? 502);
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.flushHeaders();
      answer.on('error', () => {});
      answer.pipe(outgoing);
      outgoing.on('cut', () => answer.unpipe(outgoing));
      if (isWatch) this.#watches.add(outgoing);
    });
    upstream.on('error', (error) => {
      reject(error);
      outgoing.destroy();
    });
    outgoing.on('close', () => {
      this.#watches.delete(outgoing);
      upstream.destroy();
    });
    incoming.pipe(upstream);
    return promise;
  }
}
