import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestService, type TestService } from '../start-test-service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

/** Sends bytes and gives all that comes back until the service closes the connection. */
async function send(
  bytes: string | Buffer,
  { half = true, port = service.port } = {},
): Promise<string> {
  const socket: Socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  socket.on('error', () => {});
  if (half) socket.end(bytes);
  else socket.write(bytes);
  await Promise.race([once(socket, 'end'), once(socket, 'close')]);
  socket.destroy();
  return answer;
}

const HEAD = 'POST /train HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';

it.each<[string, string | Buffer, RegExp]>([
  ['garbage', 'no http at all\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['a TLS hello', Buffer.from('16030100c8010000c403030000', 'hex'), /^HTTP\/1\.1 400 /],
  ['zeros', Buffer.alloc(100), /^HTTP\/1\.1 400 /],
  ['no host', 'GET /healthz HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['HTTP/3', 'GET /healthz HTTP/3.0\r\nhost: localhost\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['a space in the path', 'GET /train/a b HTTP/1.1\r\nhost: localhost\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['an unknown method', 'FETCH / HTTP/1.1\r\nhost: localhost\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['CONNECT', 'CONNECT x:1 HTTP/1.1\r\nhost: localhost\r\n\r\n', /^$/],
  ['huge headers', `GET / HTTP/1.1\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
  ['a truncated body', `${HEAD}content-length: 100\r\n\r\n{"a"`, /^HTTP\/1\.1 400 /],
  ['a chunk cut off', `${HEAD}transfer-encoding: chunked\r\n\r\n50\r\n{"a"`, /^HTTP\/1\.1 400 /],
  ['a bad chunk size', `${HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n`, /^HTTP\/1\.1 400 /],
  ['a negative length', `${HEAD}content-length: -1\r\n\r\n`, /^HTTP\/1\.1 400 /],
  ['two lengths', `${HEAD}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`, /^HTTP\/1\.1 400 /],
  [
    'a length and chunks',
    `${HEAD}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
    /^HTTP\/1\.1 400 /,
  ],
  ['half a request', 'GET /heal', /^(HTTP\/1\.1 400 .*)?$/s],
  ['nothing', '', /^$/],
])('answers or hangs up: %s', async (_, bytes, answer) => {
  expect(await send(bytes)).toMatch(answer);
  expect((await service.request('/healthz')).status).toBe(200);
});

it('answers garbage with a problem document, too', async () => {
  const [head = '', body = ''] = (await send('no http\r\n\r\n')).split('\r\n\r\n');
  expect(head).toContain('Content-Type: application/problem+json');
  expect(head).toContain(`Content-Length: ${body.length}`);
  expect(JSON.parse(body)).toMatchObject({ status: 400, code: 'MALFORMED_BODY', errors: [] });
});

it.each<[string, string, number, string]>([
  ['garbage', 'no http\r\n\r\n', 400, 'MALFORMED_BODY'],
  ['huge headers', `GET / HTTP/1.1\r\nx: ${'x'.repeat(200_000)}\r\n\r\n`, 431, 'HEADERS_TOO_LARGE'],
  [
    'an expectation',
    `${HEAD}expect: 200-ok\r\ncontent-length: 2\r\n\r\n`,
    417,
    'EXPECTATION_FAILED',
  ],
  [
    'an expectation of none',
    'GET /healthz HTTP/1.1\r\nhost: localhost\r\nexpect: x\r\n\r\n',
    417,
    'EXPECTATION_FAILED',
  ],
])('gives the answer to %s a request id, in header and body', async (_, bytes, status, code) => {
  const [head = '', body = ''] = (await send(bytes, { half: false })).split('\r\n\r\n');
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(head.toLowerCase()).toContain('connection: close');
  const problem = JSON.parse(body);
  expect(problem).toMatchObject({ status, code });
  expect(problem.request_id).toMatch(/^[0-9a-f-]{36}$/);
  expect(/^x-request-id: (.*)$/im.exec(head)?.[1]).toBe(problem.request_id);
});

it('keeps the request id that comes with an expectation', async () => {
  const answer = await send(`${HEAD}expect: x\r\nx-request-id: mine\r\ncontent-length: 2\r\n\r\n`);
  expect(answer).toContain('"request_id":"mine"');
});

it('names the request id of garbage in the log', async () => {
  const lines: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line) => lines.push(line) });
  await using logged = await startTestService({ logger });
  const answer = await send('no http\r\n\r\n', { port: logged.port });
  const { request_id } = JSON.parse(answer.split('\r\n\r\n')[1] ?? '');
  expect(lines.map((line) => JSON.parse(line))).toContainEqual(
    expect.objectContaining({ request_id, code: 'MALFORMED_BODY' }),
  );
});

it('does not wait for the end of a body that is too large', async () => {
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
  const bytes = `${HEAD}transfer-encoding: chunked\r\n\r\n${chunk.repeat(5)}`;
  const answer = await send(bytes, { half: false });
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(answer).toContain('PAYLOAD_TOO_LARGE');
});

it('survives clients that leave in the middle', async () => {
  for (const bytes of [
    'GET /train/x HTTP/1.1\r\nhost: localhost\r\n\r\n',
    `${HEAD}content-length: 9\r\n\r\n{`,
  ]) {
    const socket = connect(service.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(bytes);
    socket.resetAndDestroy();
  }
  expect((await service.request('/healthz')).status).toBe(200);
});

it('answers pipelined requests in order', async () => {
  const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n${more}\r\n`;
  const answer = await send(get('/train/nobody') + get('/healthz', 'connection: close\r\n'), {
    half: false,
  });
  expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 404', 'HTTP/1.1 200']);
});
