import TinyQueue from 'tinyqueue';
import type { Clock } from './clock.ts';

interface Deadline {
  readonly key: string;
  readonly atMs: number;
}

/**
 * Any number of keyed deadlines behind one timer. Setting a key again replaces its deadline. A due
 * key is forgotten before `onDue` is called with it, so `onDue` may set it again.
 */
export class DeadlineQueue {
  readonly #clock: Clock;
  readonly #onDue: (key: string) => void;
  #heap = heapOf([]);
  /** The truth: a heap entry that differs from it is stale and skipped. */
  readonly #deadlines = new Map<string, Deadline>();
  #armedForMs = Number.POSITIVE_INFINITY;
  #disarm: (() => void) | undefined;

  constructor(clock: Clock, onDue: (key: string) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#deadlines.size;
  }

  /** `atMs` is in UNIX milliseconds of the queue's clock; a past one is due at once. */
  set(key: string, atMs: number): void {
    const known = this.#deadlines.get(key);
    if (known?.atMs === atMs) return;
    const deadline = { key, atMs };
    this.#deadlines.set(key, deadline);
    this.#heap.push(deadline);
    this.#dropStale();
    this.#arm();
  }

  /** Like `set`, but an earlier deadline of the key stands. */
  setEarlier(key: string, atMs: number): void {
    if (atMs < (this.#deadlines.get(key)?.atMs ?? Number.POSITIVE_INFINITY)) this.set(key, atMs);
  }

  remove(key: string): void {
    this.#deadlines.delete(key);
  }

  /** Forgets everything; the queue can be used again. */
  clear(): void {
    this.#deadlines.clear();
    this.#heap = heapOf([]);
    this.#disarm?.();
    this.#armedForMs = Number.POSITIVE_INFINITY;
  }

  /** Rebuilt when mostly stale, so that re-setting one key for ever does not grow the heap. */
  #dropStale(): void {
    if (this.#heap.length < 64 || this.#heap.length < 4 * this.#deadlines.size) return;
    this.#heap = heapOf([...this.#deadlines.values()]);
  }

  #arm(): void {
    const next = this.#heap.peek();
    if (next === undefined || next.atMs >= this.#armedForMs) return;
    this.#disarm?.();
    this.#armedForMs = next.atMs;
    this.#disarm = this.#clock.schedule(next.atMs - this.#clock.now(), () => this.#fire());
  }

  #fire(): void {
    this.#armedForMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.now();
    for (let next = this.#heap.peek(); next && next.atMs <= nowMs; next = this.#heap.peek()) {
      this.#heap.pop();
      if (this.#deadlines.get(next.key) !== next) continue;
      this.#deadlines.delete(next.key);
      this.#onDue(next.key);
    }
    this.#arm();
  }
}

function heapOf(deadlines: Deadline[]): TinyQueue<Deadline> {
  return new TinyQueue(deadlines, (a, b) => a.atMs - b.atMs);
}
