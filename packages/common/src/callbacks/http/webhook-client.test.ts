import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  request as sendOn,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startWebhookReceiver, type WebhookReceiver } from '../../../test/webhook-receiver.ts';
import { type Clock, systemClock } from '../../clock.ts';
import { AddressPolicy, type AddressPolicySettings } from './address-policy.ts';
import { WebhookClient, type WebhookClientOptions } from './webhook-client.ts';

const HEADERS = { 'content-type': 'application/json', authorization: 'Bearer s3cret' };
const BODY = '{"status":"running"}';

let receiver: WebhookReceiver;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  receiver = await startWebhookReceiver();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await receiver.close();
});

function createClient(
  options: Partial<WebhookClientOptions> = {},
  settings: Partial<AddressPolicySettings> = {},
): WebhookClient {
  const policy = new AddressPolicy({
    allowLoopback: true,
    allowedHosts: undefined,
    forbiddenEndpoints: [],
    ...settings,
  });
  const client = new WebhookClient({ policy, clock: systemClock, ...options });
  cleanups.push(() => client.close());
  return client;
}

const post = (client: WebhookClient, url = receiver.url) =>
  client.post({ url, headers: HEADERS, body: BODY });

/** A clock whose only deadline passes when the test says so. */
function createDeadline(): { clock: Clock; expire: () => void } {
  let expire = () => {};
  const schedule = (_delayMs: number, callback: () => void) => {
    expire = callback;
    return () => {};
  };
  return { clock: { ...systemClock, schedule }, expire: () => expire() };
}

/** A TCP server whose connections end with the test. */
async function listen(onConnection: (socket: Socket) => void): Promise<Server & { port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    onConnection(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return Object.assign(server, { port: (server.address() as AddressInfo).port });
}

describe('WebhookClient', () => {
  it('posts the bytes and headers it is given, over connections that it keeps', async () => {
    const client = createClient();
    receiver.respondWith([{ status: 200, body: 'x'.repeat(10_000) }, 204, 299]);
    for (const status of [200, 204, 299]) {
      const result = await post(client, `${receiver.url}?token=a%20b#part`);
      expect(result).toMatchObject({ status, error: undefined, isRefused: false });
      expect(result.durationMs).toBeGreaterThan(0);
      const received = await receiver.next();
      expect(received).toMatchObject({ method: 'POST', path: '/hook?token=a%20b', body: BODY });
      expect(received.headers).toMatchObject({ ...HEADERS, host: `127.0.0.1:${receiver.port}` });
    }
    // undici frees a connection a turn of the event loop after the answer's end.
    expect(receiver.connectionCount).toBeLessThanOrEqual(2);
  });

  it.each([
    [400, 'The webhook answered 400.'],
    [401, 'The webhook answered 401.'],
    [410, 'The webhook answered 410.'],
    [429, 'The webhook answered 429.'],
    [503, 'The webhook answered 503.'],
    [304, 'The webhook answered 304, and redirects are not followed.'],
  ])('reports an answer %i', async (status, error) => {
    receiver.respondWith({ status, headers: { 'retry-after': '120' } });
    const expected = { status, error, retryAfterMs: 120_000, isRefused: false };
    expect(await post(createClient())).toMatchObject(expected);
  });

  it('follows no redirect', async () => {
    receiver.respondWith({ status: 307, headers: { location: `${receiver.url}/elsewhere` } });
    expect(await post(createClient())).toMatchObject({ status: 307, isRefused: false });
    expect(receiver.requests).toHaveLength(1);
  });

  it('uses user name and password of a URL unless there is an Authorization header', async () => {
    const client = createClient();
    const url = receiver.url.replace('://', '://us%65r:p%zz@');
    await client.post({ url, headers: {}, body: BODY });
    const sent = `Basic ${Buffer.from('user:p%zz').toString('base64')}`;
    expect((await receiver.next()).headers.authorization).toBe(sent);
    await post(client, url);
    expect((await receiver.next()).headers.authorization).toBe(HEADERS.authorization);
  });

  it('counts the status of an endless answer and cuts it short', async () => {
    const client = createClient();
    receiver.respondWith([{ status: 200, body: 'x'.repeat(5_000_000) }, 204]);
    expect(await post(client)).toMatchObject({ status: 200, error: undefined });
    expect(await post(client)).toMatchObject({ status: 204, error: undefined });
  });

  it('runs many POSTs at once without a warning', async () => {
    const warnings: unknown[] = [];
    const onWarning = (warning: unknown) => warnings.push(warning);
    process.on('warning', onWarning);
    cleanups.push(() => process.off('warning', onWarning));
    const client = createClient();
    const results = await Promise.all(Array.from({ length: 100 }, () => post(client)));
    expect(results.every(({ status }) => status === 200)).toBe(true);
    expect(receiver.connectionCount).toBeLessThanOrEqual(16);
    expect(warnings).toEqual([]);
  });

  it('fails posts that are under way or come later when it closes', async () => {
    const client = createClient();
    receiver.respondWith('hang');
    const result = post(client);
    await receiver.next();
    await client.close();
    await client.close();
    const expected = { status: undefined, error: 'The service is stopping.', isRefused: false };
    expect(await result).toMatchObject(expected);
    expect(await post(client)).toMatchObject(expected);
  });

  it('forgets an origin with its last connection', async () => {
    const client = createClient();
    await post(client);
    expect(client.originCount).toBe(1);
    await receiver.close();
    await expect.poll(() => client.originCount).toBe(0);
    expect(await post(client)).toMatchObject({ error: 'The webhook refused the connection.' });
    await expect.poll(() => client.originCount).toBe(0);
  });
});

describe('the deadline of a POST', () => {
  const LATE = { status: undefined, error: 'The webhook did not answer within 15 s.' };

  it('covers the lookup, after which nothing is sent', async () => {
    const { clock, expire } = createDeadline();
    const asked = Promise.withResolvers<void>();
    const found = Promise.withResolvers<{ address: string }[]>();
    const lookup = () => {
      asked.resolve();
      return found.promise;
    };
    const client = createClient({ clock, lookup });
    const late = post(client, `http://slow.example:${receiver.port}/late`);
    await asked.promise;
    expire();
    expect(await late).toMatchObject(LATE);
    found.resolve([{ address: '127.0.0.1' }]);
    await post(client, `http://slow.example:${receiver.port}/`);
    expect(receiver.requests.map(({ path }) => path)).toEqual(['/']);
  });

  it('covers the TLS handshake', async () => {
    const { clock, expire } = createDeadline();
    const silent = await listen(() => {});
    const result = post(createClient({ clock }), `https://127.0.0.1:${silent.port}/`);
    await once(silent, 'connection');
    expire();
    expect(await result).toMatchObject(LATE);
  });

  it('covers the wait for headers, and cuts the connection', async () => {
    const { clock, expire } = createDeadline();
    const silent = await listen(() => {});
    const result = post(createClient({ clock }), `http://127.0.0.1:${silent.port}/`);
    const [socket] = await once(silent, 'connection');
    await once(socket, 'data');
    expire();
    expect(await result).toMatchObject(LATE);
    await once(socket, 'close');
  });

  it('covers a body that drips, after whatever status', async () => {
    receiver.respondWith('drip');
    expect(await post(createClient({ timeoutMs: 1000 }))).toMatchObject({
      status: undefined,
      error: 'The webhook did not finish its answer within 1 s.',
      isRefused: false,
    });
  });

  it('covers interim answers without end', async () => {
    const chatty = await listen((socket) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 10);
      socket.on('close', () => clearInterval(timer));
    });
    const result = await post(createClient({ timeoutMs: 200 }), `http://127.0.0.1:${chatty.port}/`);
    expect(result.error).toBe('The webhook did not answer within 0.2 s.');
  });
});

describe('a POST that gets no answer', () => {
  it.each([
    ['ENOTFOUND', "The name of the webhook's host does not resolve."],
    ['EAI_AGAIN', "The name of the webhook's host does not resolve."],
    ['EMFILE', 'The POST to the webhook failed (EMFILE).'],
    ['token=s3cret', 'The POST to the webhook failed (UNKNOWN).'],
  ])('reports a lookup that fails with %s', async (code, error) => {
    const lookup = () => Promise.reject(Object.assign(new Error('s3cret'), { code }));
    const result = await post(createClient({ lookup }), 'http://hooks.example/');
    expect(result).toMatchObject({ status: undefined, error, isRefused: false });
  });

  it('reports a connection that is cut', async () => {
    receiver.respondWith('reset');
    const error = 'The webhook closed the connection before it had answered.';
    expect(await post(createClient())).toMatchObject({ status: undefined, error });
  });

  it.each(['SSH-2.0-OpenSSH_9.9\r\n', 'HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n'])(
    'reports an answer that is not HTTP: %j',
    async (greeting) => {
      const server = await listen((socket) => socket.end(greeting));
      const error = 'The webhook answered with something that is not HTTP.';
      const result = await post(createClient(), `http://127.0.0.1:${server.port}/`);
      expect(result).toMatchObject({ status: undefined, error });
    },
  );

  it('reports a switch of protocol that nobody asked for', async () => {
    const switching =
      'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n';
    const server = await listen((socket) => socket.write(switching));
    const result = await post(createClient(), `http://127.0.0.1:${server.port}/`);
    expect(result.status).toBeUndefined();
    expect(result.error).toBeDefined();
  });

  it('reports TLS that fails', async () => {
    const result = await post(createClient(), receiver.url.replace('http:', 'https:'));
    expect(result.error).toMatch(/^The TLS connection to the webhook failed \(ERR_SSL_\w+\)\.$/);
    expect(result).toMatchObject({ status: undefined, isRefused: false });
  });

  it.each([
    [{ authorization: 'Bearer a\r\nx: b' }],
    [{ authorization: 'Bearer \u{1F511}' }],
    [{ 'bad name': 'x' }],
    [{ 'content-length': 'x' }],
    [{ 'transfer-encoding': 'chunked' }],
  ])('never sends the headers %j', async (headers) => {
    const result = await createClient().post({ url: receiver.url, headers, body: BODY });
    const error = 'A header or the URL holds what HTTP cannot send.';
    expect(result).toMatchObject({ status: undefined, error, isRefused: true });
    expect(receiver.requests).toEqual([]);
  });
});

describe('a POST to where no webhook may point', () => {
  it.each([
    'http://169.254.169.254/?token=s3cret',
    'http://[::ffff:a9fe:a9fe]/',
    'http://2852039166',
  ])('is not sent to %s', async (url) => {
    const error = 'The webhook must not point to a link-local or metadata address.';
    expect(await post(createClient(), url)).toMatchObject({ error, isRefused: true });
  });

  it('is not sent when the URL is none', async () => {
    const error = 'The webhook must be an absolute http or https URL.';
    expect(await post(createClient(), '/hook')).toMatchObject({ error, isRefused: true });
  });

  it.each(['127.0.0.1', '::ffff:127.0.0.1'])(
    'judges what a name resolves to: %s',
    async (address) => {
      const client = createClient({ lookup: async () => [{ address }] }, { allowLoopback: false });
      const error = 'The webhook must not point to a loopback address.';
      const result = await post(client, `http://hooks.example:${receiver.port}/`);
      expect(result).toMatchObject({ error, isRefused: true });
      expect(receiver.connectionCount).toBe(0);
    },
  );

  it('judges a name anew for every connection', async () => {
    const answers = [[{ address: '127.0.0.1' }], [{ address: '169.254.169.254' }]];
    const client = createClient({ lookup: async () => answers.shift() ?? [] });
    const url = `http://rebinding.example:${receiver.port}/`;
    receiver.respondWith('reset');
    expect(await post(client, url)).toMatchObject({ isRefused: false });
    const error = 'The webhook must not point to a link-local or metadata address.';
    expect(await post(client, url)).toMatchObject({ error, isRefused: true });
    expect(await post(client, url)).toMatchObject({ isRefused: true });
  });

  it('dials only those of many addresses that it may, on the port in question', async () => {
    const forbiddenEndpoints = [{ address: '127.0.0.1', port: receiver.port }];
    const lookup = async () => [{ address: '127.0.0.1' }, { address: '127.0.0.3' }];
    const client = createClient({ lookup }, { forbiddenEndpoints });
    const result = await post(client, `http://hooks.example:${receiver.port}/`);
    expect(result).toMatchObject({ error: 'The webhook refused the connection.' });
    expect(receiver.connectionCount).toBe(0);
    const other = await startWebhookReceiver();
    cleanups.push(other.close);
    const elsewhere = await post(client, `http://hooks.example:${other.port}/`);
    expect(elsewhere).toMatchObject({ status: 200, error: undefined });
  });
});

const certificate = createCertificate();

describe.skipIf(certificate === undefined)('a POST over TLS', () => {
  let port = 0;
  const trusted = getCACertificates('default');

  beforeEach(async () => {
    const server = createTlsServer(certificate ?? {}, (_, response) => response.end());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    port = (server.address() as AddressInfo).port;
    cleanups.push(() => {
      setDefaultCACertificates(trusted);
      server.closeAllConnections();
      server.close();
    });
  });

  it('arrives where the certificate is trusted and has the name', async () => {
    setDefaultCACertificates([...trusted, certificate?.cert ?? '']);
    const client = createClient({ lookup: async () => [{ address: '127.0.0.1' }] });
    const url = `https://hooks.example:${port}/`;
    expect(await post(client, url)).toMatchObject({ status: 200, error: undefined });
    const other = await post(client, `https://other.example:${port}/`);
    const failed = (code: string) => `The TLS connection to the webhook failed (${code}).`;
    expect(other.error).toBe(failed('ERR_TLS_CERT_ALTNAME_INVALID'));
  });

  it('fails where it is not', async () => {
    const client = createClient({ lookup: async () => [{ address: '127.0.0.1' }] });
    const error = 'The TLS connection to the webhook failed (DEPTH_ZERO_SELF_SIGNED_CERT).';
    expect(await post(client, `https://hooks.example:${port}/`)).toMatchObject({ error });
  });
});

describe('a POST that got no answer', () => {
  it.each([
    ['reset', true],
    [504, true],
    [500, false],
    [502, false],
    [200, false],
  ] as const)('after %s may still be worked on: %s', async (answer, isCutOff) => {
    receiver.respondWith(answer);
    expect(await post(createClient())).toMatchObject({ isCutOff });
  });

  it.each(['hang', 'drip'] as const)('in time after %s may still be worked on', async (answer) => {
    receiver.respondWith(answer);
    const { clock, expire } = createDeadline();
    const posted = post(createClient({ clock }));
    await receiver.next();
    expire();
    expect(await posted).toMatchObject({ status: undefined, isCutOff: true });
  });

  it('is over when it never left', async () => {
    const client = createClient();
    await receiver.close();
    expect(await post(client)).toMatchObject({ status: undefined, isCutOff: false });
    const { clock, expire } = createDeadline();
    const lookup = Promise.withResolvers<[]>();
    const slow = createClient({ clock, lookup: () => lookup.promise });
    const posted = post(slow, `http://hooks.example:${receiver.port}/`);
    expire();
    expect(await posted).toMatchObject({ status: undefined, isCutOff: false });
    lookup.resolve([]);
    expect(await post(client, 'http://169.254.169.254/')).toMatchObject({
      isRefused: true,
      isCutOff: false,
    });
  });
});

/** A forward proxy that notes what it is asked for; with `status` it refuses everything. */
async function startProxy({ status }: { status?: number } = {}) {
  const asked: { target: string; login: string | undefined }[] = [];
  const toTarget = () => connect(receiver.port, '127.0.0.1');
  const note = ({ method, url, headers }: IncomingMessage) =>
    asked.push({ target: `${method} ${url}`, login: headers['proxy-authorization'] });
  const proxy = createHttpServer((request, response) => {
    note(request);
    if (status !== undefined) return void response.writeHead(status).end();
    const { port } = receiver;
    const headers = request.headers;
    const onward = sendOn({ port, method: 'POST', path: '/hook', headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 0);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  proxy.on('connect', (request, socket) => {
    note(request);
    if (status !== undefined) return void socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
    const onward = toTarget();
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    socket.pipe(onward).pipe(socket);
    socket.on('error', () => onward.destroy());
    onward.on('error', () => socket.destroy());
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  cleanups.push(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const { port } = proxy.address() as AddressInfo;
  return { asked, url: `http://user:p%40ss@127.0.0.1:${port}` };
}

describe('a POST through a proxy', () => {
  const hosts = { allowLoopback: false, allowedHosts: ['*.example'] };
  const login = `Basic ${Buffer.from('user:p@ss').toString('base64')}`;

  it('is dialled by the proxy, whatever its host resolves to here', async () => {
    const proxy = await startProxy();
    const lookup = () => Promise.reject(new Error('never asked'));
    const client = createClient({ proxyUrl: proxy.url, lookup }, hosts);
    expect(await post(client, 'http://hooks.example/hook?a=1')).toMatchObject({ status: 200 });
    expect(proxy.asked).toEqual([{ target: 'POST http://hooks.example/hook?a=1', login }]);
    const { headers, body } = await receiver.next();
    expect(headers).toMatchObject({ ...HEADERS, host: 'hooks.example' });
    expect(body).toBe(BODY);
  });

  it('is tunnelled when it is encrypted', async () => {
    const proxy = await startProxy();
    const client = createClient({ proxyUrl: proxy.url }, hosts);
    const { error } = await post(client, 'https://hooks.example/hook');
    // What answers behind this proxy speaks no TLS.
    expect(error).toBe('The TLS connection to the webhook failed (ERR_SSL_WRONG_VERSION_NUMBER).');
    expect(proxy.asked).toEqual([{ target: 'CONNECT hooks.example:443', login }]);
    expect(receiver.requests).toHaveLength(0);
  });

  it.each(['http://169.254.169.254/', 'http://127.0.0.1/', 'http://hooks.elsewhere/'])(
    'is not made to %s',
    async (url) => {
      const proxy = await startProxy();
      const client = createClient({ proxyUrl: proxy.url }, hosts);
      expect(await post(client, url)).toMatchObject({ isRefused: true, isCutOff: false });
      expect(proxy.asked).toEqual([]);
    },
  );

  it.each([
    ['http', 407, 'The proxy wants a login.'],
    ['https', 407, 'The proxy opens no connection to the webhook.'],
    ['http', 403, 'The webhook answered 403.'],
    ['https', 403, 'The proxy opens no connection to the webhook.'],
  ])('fails over %s when the proxy answers %i', async (protocol, status, error) => {
    const proxy = await startProxy({ status });
    const client = createClient({ proxyUrl: proxy.url }, hosts);
    const result = await post(client, `${protocol}://hooks.example/hook`);
    expect(result).toMatchObject({ error, isRefused: false });
  });
});

/** Self-signed, for hooks.example; undefined without openssl. */
function createCertificate(): { key: string; cert: string } | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'webhook-certificate-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const command = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test -addext subjectAltName=DNS:hooks.example -keyout ${key} -out ${cert}`;
  try {
    execFileSync('openssl', command.split(' '), { stdio: 'ignore' });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
