import { unlink } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Runs `work` while no other process of this user runs under the same name on this machine. The
 * lock is a listening local socket: the kernel frees it however its holder ends, and those who
 * wait see their connection close.
 */
export async function withMachineLock(name, work) {
  const address = addressOf(`${name}-${process.getuid?.() ?? 'user'}`);
  for (;;) {
    const server = await tryToListen(address);
    if (server !== undefined) {
      try {
        return await work();
      } finally {
        server.release();
      }
    }
    await holderGone(address);
  }
}

function addressOf(name) {
  // Abstract sockets and named pipes leave no file behind; other systems have neither.
  if (process.platform === 'linux') return `\0${name}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`;
  return join(tmpdir(), `${name}.sock`);
}

function tryToListen(address) {
  const waiting = new Set();
  const server = createServer((socket) => {
    waiting.add(socket.on('error', () => {}).once('close', () => waiting.delete(socket)));
  });
  server.release = () => {
    server.close();
    for (const socket of waiting) socket.destroy();
  };
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(address, () => resolve(server));
  });
}

function holderGone(address) {
  return new Promise((resolve) => {
    connect(address)
      .on('error', (error) => {
        // Only a socket file can outlive its holder.
        if (error.code === 'ECONNREFUSED' && !address.startsWith('\0'))
          unlink(address).catch(() => {});
      })
      .once('close', () => resolve());
  });
}
