import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { type ApiClient, ApiError } from './api-client.ts';
import { createApiClient } from './http-client.ts';

/** A client of a server that answers so. */
async function connectTo(answer: RequestListener): Promise<ApiClient> {
  const server = createServer(answer);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const folder = await mkdtemp(join(tmpdir(), 'http-client-'));
  const kubeconfigPath = join(folder, 'config');
  const config = {
    'current-context': 'c',
    clusters: [
      {
        name: 'k',
        cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true },
      },
    ],
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    users: [{ name: 'u', user: { token: 't' } }],
  };
  await writeFile(kubeconfigPath, JSON.stringify(config));
  const client = await createApiClient({ kubeconfigPath });
  onTestFinished(async () => {
    await client.close();
    server.close();
    await rm(folder, { recursive: true });
  });
  return client;
}

test('repeats nothing of an answer that is no JSON, which may be half a Secret', async () => {
  const client = await connectTo((_, answer) => answer.end('{"data":{"HF_TOKEN":aGZfc2VjcmV0}}'));
  const failure = await client.call({ method: 'GET', path: '/x' }).catch((error: unknown) => error);
  expect(failure).toMatchObject({
    message: 'GET /x got no usable answer: the body is not JSON',
    status: undefined,
  });
  expect(inspect(failure)).not.toContain('aGZfc2VjcmV0');
});

test('streams an answer as it comes', async () => {
  const { promise, resolve: goOn } = Promise.withResolvers<void>();
  const client = await connectTo((_, answer) => {
    answer.write('one');
    void promise.then(() => answer.end('two'));
  });
  const chunks = await client.stream({ method: 'GET', path: '/x/log' });
  const texts: string[] = [];
  for await (const chunk of chunks) {
    texts.push(chunk.toString());
    goOn();
  }
  expect(texts).toEqual(['one', 'two']);
});

test('says how a stream was refused, and that it broke off', async () => {
  const client = await connectTo((request, answer) => {
    if (request.url === '/broken') answer.write('one', () => answer.destroy());
    else answer.writeHead(400).end('{"kind":"Status","reason":"BadRequest"}');
  });
  await expect(client.stream({ method: 'GET', path: '/x' })).rejects.toMatchObject({ status: 400 });
  const chunks = await client.stream({ method: 'GET', path: '/broken' });
  const readAll = async () => {
    for await (const chunk of chunks) expect(chunk.toString()).toBe('one');
  };
  await expect(readAll()).rejects.toBeInstanceOf(ApiError);
});
