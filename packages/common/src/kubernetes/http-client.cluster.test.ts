import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { FaultProxy } from '../../test/cluster/fault-proxy.ts';
import { TestCluster } from '../../test/cluster/test-cluster.ts';
import { FakeClock } from '../../test/fake-clock.ts';
import { type ApiClient, ApiError } from './api-client.ts';
import { createApiClient } from './http-client.ts';

let cluster: TestCluster;
let dir: string;
let token: string;
let path: string;
const clients: ApiClient[] = [];

beforeAll(async () => {
  cluster = await TestCluster.create(inject('kubeconfigPath'));
  dir = await mkdtemp(join(tmpdir(), 'credentials-'));
  path = `/api/v1/namespaces/${cluster.namespace}/secrets`;
  const account = JSON.parse(await readFile(await cluster.createAccount(), 'utf8'));
  token = account.users[0].user.token;
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});
afterAll(async () => {
  await cluster.close();
  await rm(dir, { recursive: true });
});

async function connect(user: object, changes: object = {}, clock = new FakeClock()) {
  const kubeconfigPath = await cluster.writeKubeconfig(`user-${clients.length}`, user, changes);
  const client = await createApiClient({ kubeconfigPath, clock });
  clients.push(client);
  return client;
}

function throughProxy(proxy: FaultProxy) {
  return { server: proxy.url, 'insecure-skip-tls-verify': true };
}

describe('createApiClient', () => {
  it('reuses its connections, and opens no more than its share', async () => {
    const proxy = await FaultProxy.open(cluster.server);
    const client = await connect({ token }, throughProxy(proxy));
    for (let count = 0; count < 20; count += 1) await client.call({ method: 'GET', path });
    expect(proxy.connectionCount).toBeLessThanOrEqual(2);
    const many = Array.from({ length: 300 }, () => client.call({ method: 'GET', path }));
    await Promise.all(many);
    expect(proxy.connectionCount).toBeLessThanOrEqual(64);
    await client.close();
    await proxy.close();
  });

  it('picks up a token that was written anew to its file', async () => {
    const tokenFile = join(dir, 'token');
    await writeFile(tokenFile, 'outdated');
    const clock = new FakeClock();
    const provider = { name: 'tokenFile', config: { tokenFile } };
    const client = await connect({ 'auth-provider': provider }, {}, clock);
    const refusal = await client.call({ method: 'GET', path }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ status: 401, reason: 'Unauthorized' });
    await writeFile(tokenFile, `${token}\n`);
    await clock.advance(2000);
    expect(await client.call({ method: 'GET', path })).toMatchObject({ kind: 'SecretList' });
    await writeFile(tokenFile, 'outdated again');
    await clock.advance(2000);
    expect(await client.call({ method: 'GET', path })).toMatchObject({ kind: 'SecretList' });
  });

  it('asks a credential plugin once for many calls, and again when it is refused', async () => {
    const answers = join(dir, 'answers');
    const log = join(dir, 'runs');
    await writeFile(log, '');
    const credential = (value: string) =>
      JSON.stringify({
        apiVersion: 'client.authentication.k8s.io/v1',
        kind: 'ExecCredential',
        status: { token: value },
      });
    await writeFile(answers, credential('outdated'));
    const code =
      'const fs = require("fs"); const [log, answers] = process.argv.slice(1);' +
      'fs.appendFileSync(log, "."); process.stdout.write(fs.readFileSync(answers));';
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: ['-e', code, log, answers],
    };
    const clock = new FakeClock();
    const client = await connect({ exec }, {}, clock);
    const runs = async () => (await readFile(log, 'utf8')).length;
    const callMany = () =>
      Promise.allSettled(Array.from({ length: 20 }, () => client.call({ method: 'GET', path })));
    const refused = await callMany();
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set(['rejected']));
    expect(await runs()).toBe(1);
    await writeFile(answers, credential(token));
    await clock.advance(2000);
    const accepted = await callMany();
    expect(new Set(accepted.map(({ status }) => status))).toEqual(new Set(['fulfilled']));
    expect(await runs()).toBe(2);
    await clock.advance(60_000);
    await callMany();
    expect(await runs()).toBe(2);
  });

  it('gives up after its time, and on a plugin that hangs', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as AddressInfo;
    const client = await connect({ token }, { server: `https://127.0.0.1:${port}` });
    const startedAtMs = performance.now();
    const late = await client
      .call({ method: 'GET', path, timeoutMs: 100 })
      .catch((error: unknown) => error);
    expect(performance.now() - startedAtMs).toBeLessThan(2000);
    expect(late).toMatchObject({ status: undefined, message: expect.stringMatching(/100 ms/) });
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: ['-e', 'setTimeout(() => {}, 3000)'],
    };
    const hanging = await connect({ exec });
    await expect(hanging.call({ method: 'GET', path, timeoutMs: 100 })).rejects.toThrow(/100 ms/);
    silent.close();
    const closedAtMs = performance.now();
    await client.close();
    expect(performance.now() - closedAtMs).toBeLessThan(1000);
  });

  it('can be told to stop, before and during a call and a watch', async () => {
    const client = await connect({ token });
    const before = AbortSignal.abort();
    await expect(client.call({ method: 'GET', path, signal: before })).rejects.toThrow(ApiError);
    await expect(client.watch({ method: 'GET', path, signal: before })).rejects.toThrow(ApiError);
    const abort = new AbortController();
    const events = await client.watch({ method: 'GET', path, signal: abort.signal });
    const ended = (async () => {
      for await (const _ of events);
    })();
    abort.abort();
    await ended;
  });

  it('keeps credentials out of its errors, and the words of the server apart', async () => {
    const client = await connect({ token });
    const method = 'POST' as const;
    const refused = await client
      .call({ method, path: '/api/v1/nodes', body: { secret: 'x1y2' } })
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ApiError);
    const { message, serverMessage, status } = refused as ApiError;
    expect(status).toBe(403);
    expect(message).toBe('POST /api/v1/nodes was answered 403 Forbidden');
    expect(serverMessage).toMatch(/cannot create resource "nodes"/);
    const shown = inspect(refused, { depth: 9, showHidden: true });
    expect(shown).not.toContain(token.slice(-20));
    expect(shown).not.toMatch(/x1y2|authorization/i);
  });

  it('says what to do where no cluster is configured', async () => {
    vi.stubEnv('KUBECONFIG', '');
    vi.stubEnv('HOME', dir);
    await expect(createApiClient()).rejects.toThrow(/set KUBECONFIG/);
    await expect(createApiClient({ kubeconfigPath: join(dir, 'none') })).rejects.toThrow(
      /The kubeconfig cannot be read/,
    );
    vi.unstubAllEnvs();
  });
});
