import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FakeClock } from '../../../test/fake-clock.ts';
import type { EventStream } from './event-stream.ts';
import { OpenRequests } from './open-requests.ts';
import { OpenStreams } from './open-streams.ts';
import { Tokens } from './tokens.ts';

const tokens = new Tokens({ tokens: [], tokenFile: undefined });
const LARGE = `data: ${'x'.repeat(100_000)}\n\n`;

let app: FastifyInstance;
let clock: FakeClock;
let opened: PromiseWithResolvers<EventStream>;
let ended: PromiseWithResolvers<void>;
/** How often the stream was ready. */
let turns: number;
let turned: PromiseWithResolvers<void>;
beforeEach(async () => {
  app = fastify();
  clock = new FakeClock();
  opened = Promise.withResolvers();
  ended = Promise.withResolvers();
  turned = Promise.withResolvers();
  turns = 0;
  const random = () => 1;
  const openRequests = new OpenRequests(app, { clock, tokens, random });
  const streams = new OpenStreams(app, { clock, openRequests, maxStreams: 1, random });
  app.get('/', async (request, reply) => {
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

async function open(): Promise<Socket> {
  const address = app.server.address();
  if (address === null || typeof address === 'string') throw new Error('No TCP address.');
  const socket = connect(address.port, '127.0.0.1').on('error', () => {});
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
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
