import type { FileHandle } from 'node:fs/promises';

const BLOCK_BYTES = 64 * 1024;
/** The shim notes the time so often. */
export const MARK_MS = 5000;

/** When a file of a log had which length, as the shim notes it beside the file. */
export class LogTimes {
  readonly #handle: FileHandle | undefined;
  readonly #offsets: number[] = [];
  readonly #times: number[] = [];
  #readBytes = 0;
  #rest = '';

  constructor(handle: FileHandle | undefined) {
    this.#handle = handle;
  }

  /** Reads what was noted since the last time. */
  async refresh(): Promise<void> {
    const buffer = Buffer.allocUnsafe(BLOCK_BYTES);
    for (;;) {
      const read = await this.#handle?.read(buffer, 0, BLOCK_BYTES, this.#readBytes);
      if (read === undefined || read.bytesRead === 0) return;
      this.#readBytes += read.bytesRead;
      const lines = (this.#rest + buffer.toString('latin1', 0, read.bytesRead)).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) {
        const [offset = Number.NaN, atMs = Number.NaN] = line.split(' ').map(Number);
        if (Number.isNaN(offset + atMs)) continue;
        this.#offsets.push(offset);
        this.#times.push(atMs);
      }
    }
  }

  /** UNIX milliseconds, by MARK_MS early at most; undefined where nothing is noted. */
  timeOf(offset: number): number | undefined {
    let low = 0;
    let high = this.#offsets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#offsets[middle] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return this.#times[low - 1];
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }
}
