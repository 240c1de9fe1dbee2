import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { LogTimes } from './log-times.ts';

/** As the shim rotates them, the oldest first. */
const NAMES = ['log.3', 'log.2', 'log.1', 'log'];
const BLOCK_BYTES = 64 * 1024;
const NEWLINE = 10;

/** One file of a run's log, open: it can be read whatever it is renamed to, and once it is gone. */
export class LogFile {
  /** Tells it from the others. */
  readonly id: number;
  readonly times: LogTimes;
  readonly #handle: FileHandle;

  constructor(handle: FileHandle, id: number, times: LogTimes) {
    this.#handle = handle;
    this.id = id;
    this.times = times;
  }

  /** What stands at `offset`, as far as one read brings it; empty at the end. */
  async read(offset: number, maxBytes = BLOCK_BYTES): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(maxBytes);
    const { bytesRead } = await this.#handle.read(buffer, 0, maxBytes, offset);
    return buffer.subarray(0, bytesRead);
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  /** Where the last `count` lines begin, at least one, and how many there are from there on. */
  async findTail(count: number): Promise<{ readonly offset: number; readonly lines: number }> {
    let lines = 0;
    // A newline at the very end ends a line and begins none.
    let isLast = true;
    for (let end = await this.size(); end > 0; ) {
      const from = Math.max(0, end - BLOCK_BYTES);
      const block = await this.read(from, end - from);
      for (let at = block.length - 1; at >= 0; at -= 1) {
        if (block[at] !== NEWLINE && !isLast) continue;
        if (!isLast && lines >= count) return { offset: from + at + 1, lines };
        isLast = false;
        lines += 1;
      }
      end = from;
    }
    return { offset: 0, lines };
  }

  async close(): Promise<void> {
    await Promise.all([this.#handle.close(), this.times.close()]);
  }
}

/** Opens the files of a log that are there, the oldest first; their reader closes them. */
export async function openLogFiles(folder: string): Promise<LogFile[]> {
  const files: LogFile[] = [];
  for (const name of NAMES) {
    const handle = await openIfThere(join(folder, name));
    if (handle === undefined) continue;
    const { ino } = await handle.stat();
    // One that was renamed meanwhile would come twice.
    if (files.some(({ id }) => id === ino)) await handle.close();
    else {
      const times = new LogTimes(await openIfThere(join(folder, `${name}.times`)));
      files.push(new LogFile(handle, ino, times));
    }
  }
  return files;
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  return open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  });
}
