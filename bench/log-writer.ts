import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const LINE_BYTES = 100;
const BATCH_MS = 10;

/** Stands in for an API server with one pod, whose container writes so many bytes a second. */
export class LogWriter implements AsyncDisposable {
  readonly url: string;
  /** What its readers took of it. */
  writtenBytes = 0;
  readonly #server: ReturnType<typeof createServer>;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(name: string, bytesPerSecond: number): Promise<LogWriter> {
    const batch = makeBatch((bytesPerSecond * BATCH_MS) / 1000);
    const server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://writer');
      response.writeHead(200);
      if (pathname.endsWith('/log')) void writer.#write(response, batch);
      else if (searchParams.get('watch') === 'true') response.flushHeaders();
      else
        response.end(
          JSON.stringify({ metadata: { resourceVersion: '1' }, items: [makePod(name)] }),
        );
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const writer = new LogWriter(server);
    return writer;
  }

  /** As fast as it is read, and no faster than it writes. */
  async #write(response: ServerResponse, batch: Buffer): Promise<void> {
    const closed = new AbortController();
    response.on('close', () => closed.abort());
    for (let dueMs = performance.now(); !closed.signal.aborted; dueMs += BATCH_MS) {
      if (!response.write(batch)) {
        await once(response, 'drain', { signal: closed.signal }).catch(() => {});
      }
      this.writtenBytes += batch.length;
      // Time that its reader took is not made up for.
      dueMs = Math.max(dueMs, performance.now() - BATCH_MS);
      await delay(Math.max(0, dueMs + BATCH_MS - performance.now()));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

function makeBatch(bytes: number): Buffer {
  const line = '2026-01-01T00:00:00.000000000Z step of a training with its loss '.padEnd(
    LINE_BYTES - 1,
    '.',
  );
  return Buffer.from(`${line}\n`.repeat(Math.round(bytes / LINE_BYTES)));
}

function makePod(name: string) {
  const labels = {
    'jobset.sigs.k8s.io/jobset-name': name,
    'jobset.sigs.k8s.io/replicatedjob-name': 'node',
  };
  const status = {
    phase: 'Running',
    containerStatuses: [{ name: 'node', state: { running: {} } }],
  };
  return { metadata: { name: `${name}-node-0-0-abcde`, uid: 'pod', labels }, status };
}
