import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request as send } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const BODY = Buffer.alloc(2_000_000, 'x');
const UPLOADS = 60;
const AT_A_TIME = 4;
const token = { 'x-trainer-token': 'right' };

/** In a process of its own, since clients here would otherwise write before it can close. */
const SERVICE = `
  import { startTestService } from ${JSON.stringify(new URL('../start-test-service.ts', import.meta.url))};
  const service = await startTestService({ env: { TRAINER_API_TOKEN: 'right' } });
  process.stdout.write(service.url);
`;

let child: ChildProcess;
let url: string;
beforeAll(async () => {
  child = spawn(process.execPath, ['--input-type=module', '--eval', SERVICE]);
  const [line] = await once(child.stdout as Readable, 'data');
  url = String(line);
});
afterAll(() => child.kill('SIGKILL'));

type Told = readonly [status: number, code: unknown];

const clients: Record<string, () => Promise<Told>> = {
  'undici, by length': () => postByUndici(BODY),
  'undici, in chunks': () => postByUndici(Readable.from(chunksOf(BODY))),
  'node http, by length': () => postByNode((sending) => sending.end(BODY)),
  'node http, in chunks': () =>
    postByNode((sending) => {
      for (const chunk of chunksOf(BODY)) sending.write(chunk);
      sending.end();
    }),
  'a raw socket': postBySocket,
};

describe.each(Object.keys(clients))('a body of 2 MB from %s', (name) => {
  it('is answered with 413 each time', async () => {
    const post = clients[name] as () => Promise<Told>;
    const outcomes: Told[] = [];
    const run = async () => {
      for (let n = 0; n < UPLOADS / AT_A_TIME; n += 1) outcomes.push(await post());
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, run));
    expect(outcomes).toHaveLength(UPLOADS);
    expect(new Set(outcomes.map(String))).toEqual(new Set(['413,PAYLOAD_TOO_LARGE']));
  }, 60_000);
});

describe('without a token', () => {
  const post = async (body: Buffer) => {
    const answer = await fetch(`${url}/train`, { method: 'POST', body: new Uint8Array(body) });
    const { code } = (await answer.json()) as { code: string };
    return [answer.status, code, answer.headers.get('connection')];
  };

  it('a body of 2 MB is answered with 401 each time', async () => {
    for (let n = 0; n < UPLOADS; n += 1) {
      expect(await post(BODY)).toEqual([401, 'UNAUTHENTICATED', 'close']);
    }
  }, 60_000);

  it('a body of a lawful size leaves the connection open', async () => {
    expect(await post(BODY.subarray(0, 200_000))).toEqual([401, 'UNAUTHENTICATED', 'keep-alive']);
  });
});

function* chunksOf(bytes: Buffer): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000);
}

async function postByUndici(body: Buffer | Readable): Promise<Told> {
  const dispatcher = new Agent();
  const headers = { 'content-type': 'application/json', ...token };
  const options = { method: 'POST', headers, body, dispatcher } as const;
  const answer = await request(`${url}/train`, options);
  const { code } = (await answer.body.json()) as { code: string };
  await dispatcher.destroy();
  return [answer.statusCode, code];
}

async function postByNode(write: (sending: ReturnType<typeof send>) => void): Promise<Told> {
  const headers = { 'content-type': 'application/json', ...token };
  const sending = send(`${url}/train`, { method: 'POST', headers, agent: false });
  const answered = once(sending, 'response');
  write(sending);
  const [answer] = await answered;
  const { code } = (await json(answer)) as { code: string };
  return [answer.statusCode, code];
}

/** Reads only once all is written, as simple clients do. */
async function postBySocket(): Promise<Told> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.pause();
  const head = `POST /train HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nx-trainer-token: right\r\ncontent-length: ${BODY.length}\r\n\r\n`;
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.write(head);
    socket.write(BODY, (error) => (error ? reject(error) : resolve()));
  });
  let text = '';
  for await (const chunk of socket) text += chunk;
  const [start = '', body = ''] = text.split('\r\n\r\n');
  return [Number(start.split(' ')[1]), JSON.parse(body).code];
}
