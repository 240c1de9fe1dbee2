import type { Clock } from '../clock.ts';
import { Sequence } from './sequence.ts';

/** Who of several replicas acts on jobs. */
export interface Leadership {
  /** Whether this process may act right now; asked immediately before each action. */
  isLeader(): boolean;
  /** Larger than every number before it, those of earlier leaders included: `sequence` of callbacks. */
  nextSequence(): number;
  /** Calls `listener` whenever leadership is won or lost; returns how to stop that. */
  watch(listener: (isLeader: boolean) => void): () => void;
}

/** The leadership of a process that shares its jobs with no other. */
export function createSoleLeadership(clock: Clock): Leadership {
  const sequence = new Sequence(clock);
  return {
    isLeader: () => true,
    nextSequence: () => sequence.next(),
    watch: () => () => {},
  };
}
