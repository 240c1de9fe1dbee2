import { createHash } from 'node:crypto';
import { createConnection, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Lock {
  release(): void;
}

/**
 * An abstract Unix socket: taken atomically, and freed by the kernel however the holder ends,
 * so no lock is ever stale.
 */
function address(key: string): string {
  return `\0trainer-testbed/${createHash('sha256').update(key).digest('hex')}`;
}

/** The lock, or undefined when another process holds it. `note` is what others are told. */
export function tryLock(key: string, note: string): Promise<Lock | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end(note);
    });
    server.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(address(key), () => {
      server.unref();
      resolve({ release: () => server.close() });
    });
  });
}

/** What the holder said, or an empty string when it has just gone. */
export async function lockNote(key: string): Promise<string> {
  try {
    return await text(createConnection(address(key)));
  } catch {
    return '';
  }
}

export async function withLock<T>(key: string, work: () => Promise<T>): Promise<T> {
  for (;;) {
    const lock = await tryLock(key, '');
    if (lock) {
      try {
        return await work();
      } finally {
        lock.release();
      }
    }
    await sleep(200);
  }
}
