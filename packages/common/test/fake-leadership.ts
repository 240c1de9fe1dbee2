import { Emitter } from '../src/emitter.ts';
import type { Leadership } from '../src/jobs/leadership.ts';

/** Leads as long as a test wants it to; from the start by default. */
export class FakeLeadership implements Leadership {
  #isLeader: boolean;
  readonly #changes = new Emitter<boolean>();

  constructor(isLeader = true) {
    this.#isLeader = isLeader;
  }

  isLeader = () => this.#isLeader;
  nextSequence = () => 1;
  watch = (listener: (isLeader: boolean) => void) => this.#changes.watch(listener);

  set(isLeader: boolean): void {
    this.#isLeader = isLeader;
    this.#changes.emit(isLeader);
  }
}
