import { createServer } from 'node:http';

/*
 * A webhook receiver in a process of its own. It answers 204 to everything, and notes for each path
 * /NUMBER how long after the previous POST the next one came, which it tells over IPC.
 */

export interface GapsQuestion {
  readonly ask: 'gaps';
}

/** Milliseconds between POSTs to one path, of all paths together, since the last question. */
export interface Gaps {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const lastAtMs: number[] = [];
let gapsMs: number[] = [];

const server = createServer((request, response) => {
  const nowMs = performance.now();
  const index = Number(request.url?.slice(1));
  const previousMs = lastAtMs[index];
  if (previousMs !== undefined) gapsMs.push(nowMs - previousMs);
  if (Number.isInteger(index)) lastAtMs[index] = nowMs;
  request.resume();
  request.once('end', () => response.writeHead(request.method === 'GET' ? 200 : 204).end());
});

process.on('message', ({ ask }: GapsQuestion) => {
  if (ask !== 'gaps') return;
  const sorted = Float64Array.from(gapsMs).sort();
  gapsMs = [];
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
  const gaps: Gaps = { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
  process.send?.(gaps);
});
process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
});
server.listen(Number(process.env.PORT), '127.0.0.1');
