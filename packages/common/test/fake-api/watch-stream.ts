import type { WatchEvent } from '../../src/kubernetes/api-client.ts';

type Step = { readonly event: WatchEvent<unknown> } | { readonly error: unknown } | 'end';

/** The events of one watch, kept until they are read. */
export class WatchStream {
  readonly #steps: Step[] = [];
  #wake: () => void = () => {};

  send(event: WatchEvent<unknown>): void {
    this.#push({ event: structuredClone(event) });
  }

  /** Breaks the watch, once what was sent before has been read. */
  fail(error: unknown): void {
    this.#push({ error });
  }

  end(): void {
    this.#push('end');
  }

  async *read(isAborted: () => boolean): AsyncIterable<WatchEvent<unknown>> {
    while (!isAborted()) {
      const step = this.#steps.shift();
      if (step === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      } else if (step === 'end') return;
      else if ('error' in step) throw step.error;
      else yield step.event;
    }
  }

  #push(step: Step): void {
    this.#steps.push(step);
    this.#wake();
  }
}
