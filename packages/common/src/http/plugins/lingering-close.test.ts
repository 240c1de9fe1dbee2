import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { closeLingering } from './lingering-close.ts';

const MIB = 1024 * 1024;

/** How many bytes a client that never stops gets rid of before it is cut off. */
async function sendForEver(bounds: { maxMs: number; maxBytes: number }): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    socket.write('told');
    closeLingering(socket, bounds);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const chunk = Buffer.alloc(MIB / 4);
  let answer = '';
  client.on('data', (data) => {
    answer += data;
  });
  client.on('error', () => {});
  const write = () => void client.write(chunk, (error) => error ?? setImmediate(write));
  write();
  await new Promise((resolve) => client.once('close', resolve));
  server.close();
  expect(answer).toBe('told');
  return client.bytesWritten;
}

test('a client is read until too much has come', async () => {
  expect(await sendForEver({ maxMs: 600_000, maxBytes: 4 * MIB })).toBeGreaterThan(4 * MIB);
});

test('a client is read until it has taken too long', async () => {
  await sendForEver({ maxMs: 200, maxBytes: Number.POSITIVE_INFINITY });
});

test('a client that ends is let go at once', async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) =>
    closeLingering(socket, { maxMs: 600_000, maxBytes: MIB }),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect(port, '127.0.0.1').resume();
  client.end('bye');
  await once(client, 'close');
  const closed = once(server, 'close');
  server.close();
  await closed;
});
