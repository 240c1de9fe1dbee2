import type { Diagnosis } from './diagnoses.ts';

/** What Kueue tells of a TrainJob that waits in one of its queues. */
export interface QueueStanding {
  /** Its place, from 1 on; undefined where it is not known. */
  readonly position: number | undefined;
  /** Why it is not admitted, in Kueue's words; undefined where Kueue does not say. */
  readonly finding: Diagnosis | undefined;
  /** Whether Kueue was asked, or may not be, so that no more can be known. */
  readonly isComplete: boolean;
}

export const UNKNOWN_STANDING: QueueStanding = {
  position: undefined,
  finding: undefined,
  isComplete: false,
};
