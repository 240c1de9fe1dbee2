import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Stands for the Service of the reports: pods reach by it what listens on loopback alone. */
export class ReportsDoor {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(url: string, server: Server) {
    this.url = url;
    this.#server = server;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  /** Opens a port of `host`, which leads to a port of loopback. */
  static async open(host: string, port: number): Promise<ReportsDoor> {
    const server = createServer((from) => {
      const to = connect(port, '127.0.0.1');
      // A service that is away is a connection that breaks.
      for (const [one, other] of [
        [from, to],
        [to, from],
      ] as const) {
        one.pipe(other);
        one.on('error', () => other.destroy());
        one.on('close', () => other.destroy());
      }
    });
    server.listen(0, host);
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no TCP address');
    return new ReportsDoor(`http://${host}:${address.port}`, server);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
