import { once } from 'node:events';
import { connect } from 'node:net';
import fastify from 'fastify';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { FakeClock } from '../../../test/fake-clock.ts';
import { HeldRequests } from './held-requests.ts';
import { OpenRequests } from './open-requests.ts';
import { Tokens } from './tokens.ts';

const lines: { msg: string; status?: number }[] = [];
const stream = { write: (line: string) => lines.push(JSON.parse(line)) };
const app = fastify({ logger: { stream } });
const clock = new FakeClock();
const tokens = new Tokens({ tokens: [], tokenFile: undefined });
const held = new HeldRequests(app, new OpenRequests(app, { clock, tokens, random: () => 1 }));

let arrived: PromiseWithResolvers<void>;
let signalled: PromiseWithResolvers<AbortSignal>;
app.get('/', async (request, reply) => {
  await held.hold(request, reply, async (signal) => {
    arrived.resolve();
    signalled.resolve(signal);
    await once(signal, 'abort');
  });
});
app.get('/late', async (request, reply) => {
  arrived.resolve();
  await once(reply.raw, 'close');
  await held.hold(request, reply, async (signal) => signalled.resolve(signal));
});
beforeEach(async () => {
  lines.length = 0;
  arrived = Promise.withResolvers();
  signalled = Promise.withResolvers();
  if (!app.server.listening) await app.listen();
});
afterAll(() => app.close());
afterEach(() => {
  expect(held.count).toBe(0);
});

/** Asks, and leaves once the request has arrived. */
async function leave(path: string): Promise<AbortSignal> {
  const address = app.server.address();
  if (address === null || typeof address === 'string') throw new Error('No TCP address.');
  const socket = connect(address.port, '127.0.0.1').on('error', () => {});
  socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
  await arrived.promise;
  socket.destroy();
  return signalled.promise;
}

const toLeft = () => lines.filter(({ msg }) => msg === 'reader left');

it('learns that its client leaves', async () => {
  const signal = await leave('/');
  if (!signal.aborted) await once(signal, 'abort');
  expect(toLeft()).toEqual([expect.objectContaining({ status: 499 })]);
});

it('knows from the start of a client that left before, of which the log has a line too', async () => {
  expect((await leave('/late')).aborted).toBe(true);
  expect(toLeft()).toEqual([expect.objectContaining({ status: 499 })]);
});
