/** Who of several replicas acts on jobs. */
export interface Leadership {
  /** Whether this process may act right now; asked immediately before each action. */
  isLeader(): boolean;
  /**
   * Grows with every change of leader, and from one process's life to the next: the high part of
   * the `sequence` of callbacks.
   */
  term(): number;
  /** Calls `listener` whenever leadership is won or lost; returns how to stop that. */
  watch(listener: (isLeader: boolean) => void): () => void;
}

/** The leadership of a process that shares its jobs with no other. */
export function createSoleLeadership(startedAtMs: number): Leadership {
  const term = toFirstTerm(startedAtMs);
  return { isLeader: () => true, term: () => term, watch: () => () => {} };
}

/** Minutes since 1970: above every earlier term of a lease that was lost, and fits its 32 bits. */
export function toFirstTerm(nowMs: number): number {
  return Math.floor(nowMs / 60_000);
}
