import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FakeClock } from '../../../test/fake-clock.ts';
import { createKeptLog } from '../../../test/kept-log.ts';
import type { EventStream } from './event-stream.ts';
import { OpenRequests } from './open-requests.ts';
import { OpenStreams } from './open-streams.ts';
import { RequestLog } from './request-log.ts';
import { Tokens } from './tokens.ts';

const tokens = new Tokens({ tokens: [], tokenFile: undefined });
const LARGE = `data: ${'x'.repeat(100_000)}\n\n`;

let app: FastifyInstance;
let lines: ReturnType<typeof createKeptLog>['lines'];
let clock: FakeClock;
let opened: PromiseWithResolvers<EventStream>;
let ended: PromiseWithResolvers<void>;
/** A request has come whose reader has to leave before it is a stream. */
let asked: PromiseWithResolvers<void>;
/** How often the stream was ready. */
let turns: number;
let turned: PromiseWithResolvers<void>;
beforeEach(async () => {
  const log = createKeptLog();
  lines = log.lines;
  const loggerInstance: FastifyBaseLogger = log.logger;
  app = fastify({ loggerInstance, logController: new RequestLog() });
  clock = new FakeClock();
  opened = Promise.withResolvers();
  ended = Promise.withResolvers();
  asked = Promise.withResolvers();
  turned = Promise.withResolvers();
  turns = 0;
  const random = () => 1;
  const openRequests = new OpenRequests(app, { clock, tokens, random });
  const streams = new OpenStreams(app, { clock, openRequests, maxStreams: 1, random });
  app.get<{ Querystring: { late?: string } }>('/', async (request, reply) => {
    if (request.query.late !== undefined) {
      asked.resolve();
      await once(reply.raw, 'close');
    }
    const follow = async (stream: EventStream) => {
      const { resolve } = ended;
      opened.resolve(stream);
      while (!stream.isClosed) {
        await stream.ready();
        turns += 1;
        turned.resolve();
      }
      resolve();
    };
    await streams.run(request, reply, { kind: 'job', follow });
  });
  await app.listen();
});
afterEach(() => app.close());

async function open(path = '/'): Promise<Socket> {
  const address = app.server.address();
  if (address === null || typeof address === 'string') throw new Error('No TCP address.');
  const socket = connect(address.port, '127.0.0.1').on('error', () => {});
  socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
  return socket;
}

/** Writes until neither the kernel nor the socket takes any more. */
async function fill(stream: EventStream): Promise<void> {
  while (!stream.isBlocked) {
    stream.write(LARGE);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

it('is cut when its reader has taken nothing for half a minute', async () => {
  const socket = (await open()).pause();
  const stream = await opened.promise;
  await fill(stream);
  await clock.advance(30_000);
  expect([stream.isBlocked, stream.isClosed]).toEqual([true, false]);
  await clock.advance(4000);
  expect(stream.isClosed).toBe(true);
  await ended.promise;
  socket.destroy();
});

it('keeps a reader who takes something now and then, though more waits for it at once', async () => {
  const socket = (await open()).pause();
  const stream = await opened.promise;
  for (let round = 0; round < 3; round += 1) {
    await fill(stream);
    await clock.advance(20_000);
    expect([round, stream.isBlocked, stream.isClosed]).toEqual([round, true, false]);
    turned = Promise.withResolvers();
    socket.resume();
    await turned.promise;
    socket.pause();
  }
  socket.destroy();
  await ended.promise;
});

it('waits for a slow reader, and is ready once that has caught up', async () => {
  const socket = (await open()).pause();
  const stream = await opened.promise;
  await fill(stream);
  const before = turns;
  await clock.advance(28_000);
  expect(turns).toBe(before);
  turned = Promise.withResolvers();
  socket.resume();
  await turned.promise;
  expect([stream.isBlocked, stream.isClosed]).toEqual([false, false]);
  await clock.advance(28_000);
  expect(stream.isClosed).toBe(false);
  socket.destroy();
  await ended.promise;
});

it('frees its place when the reader leaves, and opens no more than there are places', async () => {
  const socket = await open();
  await opened.promise;
  expect((await app.inject('/')).statusCode).toBe(503);
  socket.destroy();
  await ended.promise;
  opened = Promise.withResolvers();
  const other = await open();
  expect((await opened.promise).isClosed).toBe(false);
  other.destroy();
});

it('ends at once, with a line, for a reader who left before it began', async () => {
  const socket = await open('/?late=');
  await asked.promise;
  socket.destroy();
  expect((await opened.promise).isClosed).toBe(true);
  await ended.promise;
  const left = lines.filter(({ msg }) => msg === 'reader left');
  expect(left).toMatchObject([{ status: 499 }]);
});

it('has no timer left when nobody reads', async () => {
  const socket = await open();
  await opened.promise;
  expect(clock.timerCount).toBe(1);
  const closed = once(socket, 'close');
  socket.destroy();
  await Promise.all([closed, ended.promise]);
  await clock.advance(2000);
  expect(clock.timerCount).toBe(0);
});
