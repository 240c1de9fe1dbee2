import type { BaseTrainerBackend, ExaminedRequest } from '../backends/base-trainer-backend.ts';
import type { JobPlan } from '../controller/plan-job.ts';
import type { Submission } from '../controller/submitter.ts';
import { MAX_VIOLATIONS, TrainerError, type Violation } from '../errors.ts';
import type { JsonObject } from '../jobs/job.ts';
import type { PlanAnswer } from '../requests/plan.ts';
import { describeEstimate } from './describe-estimate.ts';
import { showRequest } from './show-request.ts';

const NO_TRAIN_JOB = 'There is no TrainJob: this runner starts jobs in another way.';
const INVALID = 'There is neither a TrainJob nor an admission, since the request has errors.';

/**
 * What a service would make of an examined body: `plan` goes the way of a submission as far as that
 * leads without creating anything.
 */
export async function planRequest(
  backend: BaseTrainerBackend,
  examined: ExaminedRequest,
  plan: (submission: Submission) => Promise<JobPlan>,
): Promise<PlanAnswer> {
  const { request, env } = examined;
  const planned = await goOn(examined, plan);
  const violations = [...examined.violations, ...planned.violations];
  const { admission, echo } = planned;
  const trainJob = echo?.train_job as JsonObject | undefined;
  return {
    valid: violations.length === 0,
    errors: violations.slice(0, MAX_VIOLATIONS).map(({ path, message }) => ({ path, message })),
    warnings: [...examined.warnings, ...planned.warnings],
    resolved_request:
      request === undefined ? null : showRequest(request, backend.format.credentials),
    train_job: trainJob ?? null,
    admission:
      admission === undefined
        ? null
        : {
            accepted: admission.isAccepted ?? null,
            detail: admission.detail ?? null,
            not_asked: [...admission.notAsked],
          },
    estimate: request === undefined ? null : describeEstimate(request, env),
    notes: [
      ...planned.notes,
      ...(echo !== undefined && trainJob === undefined ? [NO_TRAIN_JOB] : []),
    ],
  };
}

async function goOn(
  { toSubmission }: ExaminedRequest,
  plan: (submission: Submission) => Promise<JobPlan>,
): Promise<JobPlan> {
  if (toSubmission === undefined) return nothing([]);
  let submission: Submission;
  try {
    submission = toSubmission();
  } catch (error) {
    if (!(error instanceof TrainerError) || error.status >= 500) throw error;
    return nothing([{ path: '', message: error.message }]);
  }
  return plan(submission);
}

function nothing(violations: readonly Violation[]): JobPlan {
  return { violations, warnings: [], echo: undefined, admission: undefined, notes: [INVALID] };
}
