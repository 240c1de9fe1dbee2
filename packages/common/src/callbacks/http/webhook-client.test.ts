import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startWebhookReceiver, type WebhookReceiver } from '../../../test/webhook-receiver.ts';
import { type Clock, systemClock } from '../../clock.ts';
import { AddressPolicy, type AddressPolicySettings } from './address-policy.ts';
import { WebhookSender, type WebhookSenderOptions } from './webhook-client.ts';

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

function createSender(
  options: Partial<WebhookSenderOptions> = {},
  settings: Partial<AddressPolicySettings> = {},
): WebhookSender {
  const policy = new AddressPolicy({
    allowLoopback: true,
    allowedHosts: undefined,
    forbiddenEndpoints: [],
    ...settings,
  });
  const sender = new WebhookSender({ policy, clock: systemClock, ...options });
  cleanups.push(() => sender.close());
  return sender;
}

const post = (sender: WebhookSender, url = receiver.url) =>
  sender.post({ url, headers: HEADERS, body: BODY });

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

describe('WebhookSender', () => {
  it('posts the bytes and headers it is given, over connections that it keeps', async () => {
    const sender = createSender();
    receiver.respondWith([{ status: 200, body: 'x'.repeat(10_000) }, 204, 299]);
    for (const status of [200, 204, 299]) {
      const result = await post(sender, `${receiver.url}?token=a%20b#part`);
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
    expect(await post(createSender())).toMatchObject(expected);
  });

  it('follows no redirect', async () => {
    receiver.respondWith({ status: 307, headers: { location: `${receiver.url}/elsewhere` } });
    expect(await post(createSender())).toMatchObject({ status: 307, isRefused: false });
    expect(receiver.requests).toHaveLength(1);
  });

  it('uses user name and password of a URL unless there is an Authorization header', async () => {
    const sender = createSender();
    const url = receiver.url.replace('://', '://us%65r:p%zz@');
    await sender.post({ url, headers: {}, body: BODY });
    const sent = `Basic ${Buffer.from('user:p%zz').toString('base64')}`;
    expect((await receiver.next()).headers.authorization).toBe(sent);
    await post(sender, url);
    expect((await receiver.next()).headers.authorization).toBe(HEADERS.authorization);
  });

  it('counts the status of an endless answer and cuts it short', async () => {
    const sender = createSender();
    receiver.respondWith([{ status: 200, body: 'x'.repeat(5_000_000) }, 204]);
    expect(await post(sender)).toMatchObject({ status: 200, error: undefined });
    expect(await post(sender)).toMatchObject({ status: 204, error: undefined });
  });

  it('runs many POSTs at once without a warning', async () => {
    const warnings: unknown[] = [];
    const onWarning = (warning: unknown) => warnings.push(warning);
    process.on('warning', onWarning);
    cleanups.push(() => process.off('warning', onWarning));
    const sender = createSender();
    const results = await Promise.all(Array.from({ length: 100 }, () => post(sender)));
    expect(results.every(({ status }) => status === 200)).toBe(true);
    expect(receiver.connectionCount).toBeLessThanOrEqual(16);
    expect(warnings).toEqual([]);
  });

  it('fails posts that are under way or come later when it closes', async () => {
    const sender = createSender();
    receiver.respondWith('hang');
    const result = post(sender);
    await receiver.next();
    await sender.close();
    await sender.close();
    const expected = { status: undefined, error: 'The service is stopping.', isRefused: false };
    expect(await result).toMatchObject(expected);
    expect(await post(sender)).toMatchObject(expected);
  });

  it('forgets an origin with its last connection', async () => {
    const sender = createSender();
    await post(sender);
    expect(sender.originCount).toBe(1);
    await receiver.close();
    await expect.poll(() => sender.originCount).toBe(0);
    expect(await post(sender)).toMatchObject({ error: 'The webhook refused the connection.' });
    await expect.poll(() => sender.originCount).toBe(0);
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
    const sender = createSender({ clock, lookup });
    const late = post(sender, `http://slow.example:${receiver.port}/late`);
    await asked.promise;
    expire();
    expect(await late).toMatchObject(LATE);
    found.resolve([{ address: '127.0.0.1' }]);
    await post(sender, `http://slow.example:${receiver.port}/`);
    expect(receiver.requests.map(({ path }) => path)).toEqual(['/']);
  });

  it('covers the TLS handshake', async () => {
    const { clock, expire } = createDeadline();
    const silent = await listen(() => {});
    const result = post(createSender({ clock }), `https://127.0.0.1:${silent.port}/`);
    await once(silent, 'connection');
    expire();
    expect(await result).toMatchObject(LATE);
  });

  it('covers the wait for headers, and cuts the connection', async () => {
    const { clock, expire } = createDeadline();
    const silent = await listen(() => {});
    const result = post(createSender({ clock }), `http://127.0.0.1:${silent.port}/`);
    const [socket] = await once(silent, 'connection');
    await once(socket, 'data');
    expire();
    expect(await result).toMatchObject(LATE);
    await once(socket, 'close');
  });

  it('covers a body that drips, after whatever status', async () => {
    receiver.respondWith('drip');
    expect(await post(createSender({ timeoutMs: 1000 }))).toMatchObject({
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
    const result = await post(createSender({ timeoutMs: 200 }), `http://127.0.0.1:${chatty.port}/`);
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
    const result = await post(createSender({ lookup }), 'http://hooks.example/');
    expect(result).toMatchObject({ status: undefined, error, isRefused: false });
  });

  it('reports a connection that is cut', async () => {
    receiver.respondWith('reset');
    const error = 'The webhook closed the connection before it had answered.';
    expect(await post(createSender())).toMatchObject({ status: undefined, error });
  });

  it.each(['SSH-2.0-OpenSSH_9.9\r\n', 'HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n'])(
    'reports an answer that is not HTTP: %j',
    async (greeting) => {
      const server = await listen((socket) => socket.end(greeting));
      const error = 'The webhook answered with something that is not HTTP.';
      const result = await post(createSender(), `http://127.0.0.1:${server.port}/`);
      expect(result).toMatchObject({ status: undefined, error });
    },
  );

  it('reports a switch of protocol that nobody asked for', async () => {
    const switching =
      'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n';
    const server = await listen((socket) => socket.write(switching));
    const result = await post(createSender(), `http://127.0.0.1:${server.port}/`);
    expect(result.status).toBeUndefined();
    expect(result.error).toBeDefined();
  });

  it('reports TLS that fails', async () => {
    const result = await post(createSender(), receiver.url.replace('http:', 'https:'));
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
    const result = await createSender().post({ url: receiver.url, headers, body: BODY });
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
    expect(await post(createSender(), url)).toMatchObject({ error, isRefused: true });
  });

  it('is not sent when the URL is none', async () => {
    const error = 'The webhook must be an absolute http or https URL.';
    expect(await post(createSender(), '/hook')).toMatchObject({ error, isRefused: true });
  });

  it.each(['127.0.0.1', '::ffff:127.0.0.1'])(
    'judges what a name resolves to: %s',
    async (address) => {
      const sender = createSender({ lookup: async () => [{ address }] }, { allowLoopback: false });
      const error = 'The webhook must not point to a loopback address.';
      const result = await post(sender, `http://hooks.example:${receiver.port}/`);
      expect(result).toMatchObject({ error, isRefused: true });
      expect(receiver.connectionCount).toBe(0);
    },
  );

  it('judges a name anew for every connection', async () => {
    const answers = [[{ address: '127.0.0.1' }], [{ address: '169.254.169.254' }]];
    const sender = createSender({ lookup: async () => answers.shift() ?? [] });
    const url = `http://rebinding.example:${receiver.port}/`;
    receiver.respondWith('reset');
    expect(await post(sender, url)).toMatchObject({ isRefused: false });
    const error = 'The webhook must not point to a link-local or metadata address.';
    expect(await post(sender, url)).toMatchObject({ error, isRefused: true });
    expect(await post(sender, url)).toMatchObject({ isRefused: true });
  });

  it('dials only those of many addresses that it may, on the port in question', async () => {
    const forbiddenEndpoints = [{ address: '127.0.0.1', port: receiver.port }];
    const lookup = async () => [{ address: '127.0.0.1' }, { address: '127.0.0.3' }];
    const sender = createSender({ lookup }, { forbiddenEndpoints });
    const result = await post(sender, `http://hooks.example:${receiver.port}/`);
    expect(result).toMatchObject({ error: 'The webhook refused the connection.' });
    expect(receiver.connectionCount).toBe(0);
    const other = await startWebhookReceiver();
    cleanups.push(other.close);
    const elsewhere = await post(sender, `http://hooks.example:${other.port}/`);
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
    const sender = createSender({ lookup: async () => [{ address: '127.0.0.1' }] });
    const url = `https://hooks.example:${port}/`;
    expect(await post(sender, url)).toMatchObject({ status: 200, error: undefined });
    const other = await post(sender, `https://other.example:${port}/`);
    const failed = (code: string) => `The TLS connection to the webhook failed (${code}).`;
    expect(other.error).toBe(failed('ERR_TLS_CERT_ALTNAME_INVALID'));
  });

  it('fails where it is not', async () => {
    const sender = createSender({ lookup: async () => [{ address: '127.0.0.1' }] });
    const error = 'The TLS connection to the webhook failed (DEPTH_ZERO_SELF_SIGNED_CERT).';
    expect(await post(sender, `https://hooks.example:${port}/`)).toMatchObject({ error });
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
