/** Passes events to listeners, to each once, in the order in which they subscribed. */
export class Emitter<T> {
  readonly #listeners = new Set<(event: T) => void>();

  /** Calls `listener` with every event from now on; returns how to stop that. */
  watch(listener: (event: T) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** What a listener throws goes to `onError`, and the other listeners are called all the same; without one it is thrown. */
  emit(event: T, onError?: (error: unknown) => void): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        if (onError === undefined) throw error;
        onError(error);
      }
    }
  }

  /** Forgets every listener. */
  clear(): void {
    this.#listeners.clear();
  }
}
