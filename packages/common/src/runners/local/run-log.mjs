import { appendFileSync, closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

const KEPT = 3;
const MARK_MS = 5000;

/**
 * A log of bounded size: `log` is the newest, `log.1` to `log.3` what came before. Beside each,
 * `log.times` says every five seconds how long it was and when, in UNIX milliseconds. What cannot be
 * written is dropped, since a full disk is no reason to end a training.
 */
export class RunLog {
  #path;
  #maxBytes;
  #file;
  #bytes = 0;
  #markedAtMs = Number.NEGATIVE_INFINITY;

  constructor(path, maxBytes) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#open();
  }

  append(chunk) {
    if (this.#bytes + chunk.length > this.#maxBytes && this.#bytes > 0) this.#rotate();
    try {
      if (this.#file === undefined) this.#open();
      this.#mark();
      if (this.#file !== undefined) this.#bytes += writeSync(this.#file, chunk);
    } catch {
      // Dropped.
    }
  }

  close() {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #mark() {
    const nowMs = Date.now();
    if (nowMs - this.#markedAtMs < MARK_MS) return;
    this.#markedAtMs = nowMs;
    appendFileSync(`${this.#path}.times`, `${this.#bytes} ${nowMs}\n`);
  }

  #open() {
    try {
      // First, so that whoever finds the one finds the other.
      closeSync(openSync(`${this.#path}.times`, 'a', 0o600));
      this.#file = openSync(this.#path, 'a', 0o600);
      this.#bytes = fstatSync(this.#file).size;
    } catch {
      this.#file = undefined;
    }
  }

  #rotate() {
    this.close();
    try {
      for (let index = KEPT; index > 1; index -= 1) {
        renameIfThere(`${this.#path}.${index - 1}`, `${this.#path}.${index}`);
        renameIfThere(`${this.#path}.${index - 1}.times`, `${this.#path}.${index}.times`);
      }
      renameIfThere(this.#path, `${this.#path}.1`);
      renameIfThere(`${this.#path}.times`, `${this.#path}.1.times`);
      this.#markedAtMs = Number.NEGATIVE_INFINITY;
    } catch {
      // The newest file grows until it can be moved.
    }
    this.#open();
  }
}

function renameIfThere(from, to) {
  try {
    renameSync(from, to);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}
