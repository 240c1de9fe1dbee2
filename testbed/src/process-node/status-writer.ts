import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeApi } from './node-api.ts';
import type { Pod } from './pod.ts';

const RETRY_MS = 500;

/** Brings a pod's status to the API server: the newest only, and for as long as that takes. */
export class StatusWriter {
  readonly #api: NodeApi;
  readonly #pod: Pod;
  readonly #build: () => object;
  readonly #signal: AbortSignal;
  #isDue = false;
  #writing: Promise<void> | undefined;

  /** `signal` gives up what has not been written. */
  constructor(api: NodeApi, pod: Pod, build: () => object, signal: AbortSignal) {
    this.#api = api;
    this.#pod = pod;
    this.#build = build;
    this.#signal = signal;
  }

  /** Resolves once what is true now stands in the API server, or the pod does not. */
  write(): Promise<void> {
    this.#isDue = true;
    this.#writing ??= this.#writeAll();
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    // What comes in the meantime is told at once, as one.
    await Promise.resolve();
    while (this.#isDue && !this.#signal.aborted) {
      this.#isDue = false;
      try {
        await this.#api.writeStatus(this.#pod, this.#build());
      } catch {
        // The API server is away; what a kubelet knows then, it tells later.
        this.#isDue = true;
        await sleep(RETRY_MS, undefined, { signal: this.#signal }).catch(() => {});
      }
    }
    this.#writing = undefined;
  }
}
