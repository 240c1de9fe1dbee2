import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { ContainerLog, LogQuery } from './container-log.ts';

/** The log of a container's run, the one before with `isPrevious`; undefined when there is none. */
export type FindLog = (
  namespace: string,
  pod: string,
  container: string,
  isPrevious: boolean,
) => ContainerLog | undefined;

export interface LogsCertificates {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Whose clients may ask. */
  readonly ca: Buffer;
}

/**
 * Serves `/containerLogs/NAMESPACE/POD/CONTAINER` as a kubelet does, over TLS and to whoever has a
 * certificate of the cluster's CA, so that `pods/log` of the API server works.
 */
export class LogsServer {
  readonly #server: Server;
  readonly #closing = new AbortController();

  constructor(certificates: LogsCertificates, findLog: FindLog) {
    const options = { ...certificates, requestCert: true, rejectUnauthorized: true };
    this.#server = createServer(options, (request, response) => {
      this.#serve(request, response, findLog).catch((error: Error) => response.destroy(error));
    });
  }

  /** Resolves with the port. */
  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    findLog: FindLog,
  ): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'https://node');
    const [, root, namespace = '', pod = '', container = ''] = pathname.split('/');
    const isPrevious = searchParams.get('previous') === 'true';
    const log =
      root === 'containerLogs' ? findLog(namespace, pod, container, isPrevious) : undefined;
    if (log === undefined) {
      const what = isPrevious ? 'previous terminated container' : 'container';
      response.writeHead(isPrevious ? 400 : 404, { 'content-type': 'text/plain' });
      response.end(`${what} "${container}" in pod "${pod}" not found`);
      return;
    }
    const isTimed = searchParams.get('timestamps') === 'true';
    const limit = Number(searchParams.get('limitBytes') ?? Number.POSITIVE_INFINITY);
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, this.#closing.signal]);
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.flushHeaders();
    let left = limit;
    for await (const { time, text } of log.read(toQuery(searchParams), signal)) {
      const line = Buffer.from(`${isTimed ? `${toNanoseconds(time)} ` : ''}${text}\n`);
      const isWritten = response.write(line.subarray(0, left));
      left -= line.length;
      if (left <= 0) break;
      if (!isWritten) await once(response, 'drain', { signal }).catch(() => {});
    }
    response.end();
  }
}

function toQuery(parameters: URLSearchParams): LogQuery {
  const tail = parameters.get('tailLines');
  const seconds = parameters.get('sinceSeconds');
  const time = parameters.get('sinceTime');
  const since =
    seconds === null ? time && new Date(time) : new Date(Date.now() - Number(seconds) * 1_000);
  return {
    follow: parameters.get('follow') === 'true',
    ...(tail !== null && { tailLines: Number(tail) }),
    ...(since && { since }),
  };
}

/** As a container runtime writes times, of which this one knows milliseconds only. */
function toNanoseconds(time: Date): string {
  return time.toISOString().replace('Z', '000000Z');
}
