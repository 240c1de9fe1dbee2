import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { Child } from './child.ts';
import { toBody } from './example-request.ts';
import { LogWriter } from './log-writer.ts';
import { toMegabytes, toTable, toText } from './table.ts';

const WRITER_BYTES_PER_SECOND = 50 * 1024 * 1024;
const READER_BYTES = 1024;
const READ_EVERY_MS = 1000;
const SLOW_READERS = [0, 1, 20];
const JOB = 'job-1';

/** Memory of a service whose readers are slow beside a container that writes much. */
export async function measureLogs({ seconds }: { readonly seconds: number }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-logs-'));
  try {
    await using writer = await LogWriter.start(JOB, WRITER_BYTES_PER_SECOND);
    const KUBECONFIG = join(folder, 'config');
    await writeFile(KUBECONFIG, toKubeconfig(writer.url));
    const env = { KUBECONFIG, TRAINER_RATE_LIMIT_PER_MINUTE: '0' };
    await using service = await Child.start('log-service.ts', { env });
    await submit(service.url);
    const rows: string[][] = [];
    for (const count of SLOW_READERS) rows.push(await measureSlow(service, writer, count, seconds));
    rows.push(await measureFast(service, writer, seconds));
    return toTable(
      ['readers', 'RSS at most', 'heap, collected', 'read from the container', 'goal'],
      rows,
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function submit(url: string): Promise<void> {
  const { statusCode, body } = await request(`${url}/train`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: toBody(JOB) },
  });
  await body.dump();
  if (statusCode !== 200) throw new Error(`The submission was answered ${statusCode}.`);
}

async function measureSlow(
  service: Child,
  writer: LogWriter,
  count: number,
  seconds: number,
): Promise<string[]> {
  const before = writer.writtenBytes;
  const readers = await Promise.all(Array.from({ length: count }, () => open(service.url)));
  const reading = setInterval(() => {
    for (const reader of readers) reader.read(READER_BYTES) ?? reader.read();
  }, READ_EVERY_MS);
  const cells = await watchMemory(service, seconds);
  clearInterval(reading);
  for (const reader of readers) reader.destroy();
  const read = toMegabytes(writer.writtenBytes - before);
  const name = count === 0 ? 'none' : `${count}, of 1 KB/s`;
  return [name, ...cells, read, count === 0 ? '' : 'as with none'];
}

async function measureFast(service: Child, writer: LogWriter, seconds: number): Promise<string[]> {
  const before = writer.writtenBytes;
  const reader = await open(service.url);
  reader.resume();
  const cells = await watchMemory(service, seconds);
  reader.destroy();
  const perSecond = (writer.writtenBytes - before) / 1024 / 1024 / seconds;
  return ['1, as fast as it can', ...cells, `${toText(perSecond, 1)} MB/s`, ''];
}

async function open(url: string): Promise<IncomingMessage> {
  const path = `/train/${JOB}/logs?follow=true`;
  const asking = get(`${url}${path}`, { agent: false });
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  return response.on('error', () => {});
}

async function watchMemory(service: Child, seconds: number): Promise<string[]> {
  let most = 0;
  for (let left = seconds; left > 0; left -= 1) {
    await delay(1000);
    most = Math.max(most, (await service.usage()).rssBytes);
  }
  const { heapBytes } = await service.usage({ collectGarbage: true });
  return [toMegabytes(most), toMegabytes(heapBytes)];
}

function toKubeconfig(server: string): string {
  return JSON.stringify({
    'current-context': 'c',
    clusters: [{ name: 'k', cluster: { server, 'insecure-skip-tls-verify': true } }],
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    users: [{ name: 'u', user: { token: 't' } }],
  });
}
