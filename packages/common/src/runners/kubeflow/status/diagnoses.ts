import type { Reason } from '../../../jobs/reasons.ts';

/** Why a job does not run, or why it ended. */
export interface Diagnosis {
  readonly reason: Reason;
  /** One sentence, already safe to show. */
  readonly detail: string;
  /** What a container said of it, which may hold anything that the job knows. */
  readonly lastWords?: string | undefined;
}

/** What pods and Events show of one job, at its start and at its end. */
export interface Diagnoses {
  /** Why it waits; undefined when nothing is wrong. */
  readonly waiting: Diagnosis | undefined;
  /** Why it failed; undefined when no pod shows it. */
  readonly failure: Diagnosis | undefined;
  /** When the last training container began, UNIX milliseconds; for a start that nobody saw. */
  readonly startedAtMs?: number | undefined;
  /** What the training container that succeeded left of its result; it may hold anything. */
  readonly resultText?: string | undefined;
}

export const NO_DIAGNOSES: Diagnoses = { waiting: undefined, failure: undefined };
