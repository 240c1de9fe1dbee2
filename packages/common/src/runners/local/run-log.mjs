import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

const KEPT = 3;

/**
 * A log of bounded size: `log` is the newest, `log.1` to `log.3` what came before. What cannot be
 * written is dropped, since a full disk is no reason to end a training.
 */
export class RunLog {
  #path;
  #maxBytes;
  #file;
  #bytes = 0;

  constructor(path, maxBytes) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#open();
  }

  append(chunk) {
    if (this.#bytes + chunk.length > this.#maxBytes && this.#bytes > 0) this.#rotate();
    try {
      if (this.#file === undefined) this.#open();
      if (this.#file !== undefined) this.#bytes += writeSync(this.#file, chunk);
    } catch {
      // Dropped.
    }
  }

  close() {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #open() {
    try {
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
      }
      renameIfThere(this.#path, `${this.#path}.1`);
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
