import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { createApiClient } from './http-client.ts';

test('repeats nothing of an answer that is no JSON, which may be half a Secret', async () => {
  const server = createServer((_, answer) => answer.end('{"data":{"HF_TOKEN":aGZfc2VjcmV0}}'));
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
  const failure = await client.call({ method: 'GET', path: '/x' }).catch((error: unknown) => error);
  expect(failure).toMatchObject({
    message: 'GET /x got no usable answer: the body is not JSON',
    status: undefined,
  });
  expect(inspect(failure)).not.toContain('aGZfc2VjcmV0');
  await client.close();
  server.close();
  await rm(folder, { recursive: true });
});
