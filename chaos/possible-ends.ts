import type { AcceptedJob, Plan } from './job.ts';
import type { SeenEnd } from './receivers.ts';

type End = Pick<SeenEnd, 'status' | 'reason'>;

/** How each plan ends when nobody interferes, with every reason that may be given for it. */
const OWN_ENDS: Readonly<Record<Plan, readonly End[]>> = {
  succeeded: [{ status: 'succeeded', reason: 'COMPLETED' }],
  // How much is known of a failure depends on what is left of its pods when they are asked.
  failed: ['POD_FAILED', 'TRAINING_FAILED', 'MAX_RESTARTS_REACHED'].map((reason) => ({
    status: 'failed',
    reason,
  })),
  never: [],
  refused: [{ status: 'failed', reason: 'SUBMISSION_REFUSED' }],
};
const CANCELLED: End = { status: 'cancelled', reason: 'CANCELLED_BY_REQUEST' };
const DELETED: End = { status: 'cancelled', reason: 'DELETED' };

/** Whether `end` can follow from what was asked of a job and done to it. */
export function isPossibleEnd(
  { plan, cancel }: { readonly plan: Plan; readonly cancel?: AcceptedJob['cancel'] },
  isDeletedByUs: boolean,
  end: End,
): boolean {
  // Each of these may have come just too late, so the job's own end stays possible.
  const possible = [
    ...OWN_ENDS[plan],
    ...(cancel === undefined ? [] : [CANCELLED]),
    ...(isDeletedByUs ? [DELETED] : []),
  ];
  const isKnown = possible.some((own) => own.status === end.status && own.reason === end.reason);
  // A cancel is answered with an end, which is then a promise.
  return isKnown && (cancel?.answeredWith ?? end.status) === end.status;
}
