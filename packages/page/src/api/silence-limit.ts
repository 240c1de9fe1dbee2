const FIRST_ANSWER_MS = 15_000;
/** Services say something every twenty seconds at the latest, so that a longer silence is a broken connection. */
const SILENCE_MS = 45_000;

/** Aborts its signal when a service gives no first answer, or then says nothing, for too long. */
export class SilenceLimit {
  readonly #cut = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.#wait(FIRST_ANSWER_MS);
  }

  get signal(): AbortSignal {
    return this.#cut.signal;
  }

  /** To be called when something is heard, or is listened for anew. */
  restart(): void {
    this.#wait(SILENCE_MS);
  }

  /** Lets go of what is still open. */
  end(): void {
    clearTimeout(this.#timer);
    this.#cut.abort();
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer);
    const giveUp = () =>
      this.#cut.abort(new DOMException('The service is silent.', 'TimeoutError'));
    this.#timer = setTimeout(giveUp, ms);
  }
}
