import type { Clock } from '../clock.ts';
import { type Admission, OriginLimits } from './origin-limits.ts';

type Entered = Extract<Admission, { kind: 'entered' }>;

/** Names of jobs in the order in which they began to wait. */
interface Waiting {
  readonly ends: Set<string>;
  readonly states: Set<string>;
}

/**
 * Hands out the slots of OriginLimits to jobs by name. One that finds none waits in line, ends
 * before states; its turn comes with a slot that is kept for it until it asks again.
 */
export class Slots {
  readonly #limits: OriginLimits;
  readonly #onTurn: (name: string) => void;
  readonly #waiting = new Map<string, Waiting>();
  readonly #kept = new Map<string, Entered>();

  constructor(options: { readonly clock: Clock; readonly onTurn: (name: string) => void }) {
    this.#onTurn = options.onTurn;
    this.#limits = new OriginLimits({
      clock: options.clock,
      onFree: (origin) => this.#serve(origin),
    });
  }

  /** A slot; or `full`, after which `onTurn` is called; or `open`, which says when to ask again. */
  take(name: string, origin: string, isEnd: boolean): Admission {
    const kept = this.#kept.get(name);
    if (kept !== undefined) {
      this.#kept.delete(name);
      return kept;
    }
    const admission = this.#limits.tryEnter(origin, { isEnd });
    if (admission.kind === 'full') {
      const waiting = this.#waiting.get(origin) ?? { ends: new Set(), states: new Set() };
      (isEnd ? waiting.ends : waiting.states).add(name);
      this.#waiting.set(origin, waiting);
    }
    return admission;
  }

  /** Gives back a slot that was kept for a job that has no more use for it. */
  giveBack(name: string): void {
    const kept = this.#kept.get(name);
    this.#kept.delete(name);
    kept?.leave(undefined);
  }

  clear(): void {
    this.#waiting.clear();
    for (const name of [...this.#kept.keys()]) this.giveBack(name);
  }

  #serve(origin: string): void {
    const waiting = this.#waiting.get(origin);
    if (waiting === undefined) return;
    this.#waiting.delete(origin);
    const isServed = this.#admit(origin, waiting.ends, true);
    if (isServed && this.#admit(origin, waiting.states, false)) return;
    this.#waiting.set(origin, waiting);
  }

  /** Whether nobody is left in line. */
  #admit(origin: string, names: Set<string>, isEnd: boolean): boolean {
    for (const name of names) {
      const admission = this.#limits.tryEnter(origin, { isEnd });
      if (admission.kind === 'full') return false;
      names.delete(name);
      // With an open circuit there is no slot, but the job has to hear of that.
      if (admission.kind === 'entered') {
        // It may have waited in both lines.
        this.giveBack(name);
        this.#kept.set(name, admission);
      }
      this.#onTurn(name);
    }
    return true;
  }
}
