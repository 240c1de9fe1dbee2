import { errors, TrainerError, type Violation } from '../errors.ts';
import type { JsonObject } from '../jobs/job.ts';
import { toJobName } from '../jobs/job-name.ts';
import type { JobRunner, PreparedJob } from '../jobs/job-runner.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { type ReportAccess, withReportAccess } from '../jobs/report-token.ts';
import { isRepeated, nameDifferences } from '../requests/asked-forms.ts';
import { assertResumable } from './assert-resumable.ts';
import type { Submission } from './submitter.ts';

/** What would become of a submission, apart from its own warnings. */
export interface JobPlan {
  /** With what it would be refused. */
  readonly violations: readonly Violation[];
  readonly warnings: readonly string[];
  /** What the runner would be handed; undefined where that cannot be told now. */
  readonly echo: JsonObject | undefined;
  /** What the runner's place says of it; undefined where it was not asked. */
  readonly admission: PlanAdmission | undefined;
  /** Sentences on what is not told here, and why. */
  readonly notes: readonly string[];
}

export interface PlanAdmission {
  /** Undefined where the place gave no answer; `detail` says why. */
  readonly isAccepted: boolean | undefined;
  readonly detail: string | undefined;
  readonly notAsked: readonly string[];
}

export interface PlanJobParts {
  readonly store: JobStore;
  readonly runner: JobRunner;
  readonly reportAccess?: ReportAccess | undefined;
}

/** A place that changes while it is asked is asked so often. */
const MAX_ROUNDS = 2;
const NOBODY_TO_ASK = 'There is no admission: this runner asks nobody whether a job may start.';

/**
 * Goes the way of a submission and creates nothing: finds what it would be refused with, prepares the
 * run, and asks its place. A place that cannot be reached is told in `notes`, never thrown.
 */
export async function planJob(parts: PlanJobParts, submission: Submission): Promise<JobPlan> {
  const found = { violations: [] as Violation[], warnings: [] as string[], notes: [] as string[] };
  await collecting(found, () => compareWithKnown(parts, submission, found.warnings));
  await collecting(found, () => assertResumable(parts.store, submission));
  const { reportAccess, runner } = parts;
  const { spec } =
    reportAccess === undefined ? submission : withReportAccess(submission, reportAccess).job;
  let prepared = await collecting(found, () => runner.prepare(spec));
  if (prepared === undefined) return { ...found, echo: undefined, admission: undefined };
  let admission: PlanAdmission | undefined;
  if (runner.admit === undefined) found.notes.push(NOBODY_TO_ASK);
  else {
    const asked = await collecting(found, () => askPlace(runner, prepared as PreparedJob));
    admission = asked?.admission;
    prepared = { ...prepared, ...asked?.prepared };
  }
  if (admission?.isAccepted === false) {
    found.violations.push({ path: '', message: admission.detail ?? '' });
  }
  return {
    ...found,
    warnings: [...found.warnings, ...prepared.warnings],
    echo: prepared.echo,
    admission,
  };
}

/** A job of that id may be there already. */
async function compareWithKnown(
  { store }: PlanJobParts,
  { spec, asked, fingerprints }: Submission,
  warnings: string[],
): Promise<void> {
  const record = await store.get(toJobName(spec.backend, spec.jobId));
  if (record === undefined) return;
  if (!isRepeated(record, fingerprints)) {
    const kept = await store.readPlan(record);
    throw errors.jobConflict(kept === undefined ? [] : nameDifferences(kept.asked, asked));
  }
  warnings.push(
    `job_id ${spec.jobId} was submitted with the same request, so POST /train would create nothing and answer with that job`,
  );
}

async function askPlace(runner: JobRunner, first: PreparedJob) {
  let prepared: Omit<PreparedJob, 'secrets'> = first;
  for (let round = 1; ; round += 1) {
    const answer = await runner.admit?.(prepared.plan);
    if (answer === undefined) return { prepared, admission: undefined };
    const { outcome, notAsked } = answer;
    if (outcome.outcome === 'replanned' && round < MAX_ROUNDS) {
      prepared = outcome.prepared;
      continue;
    }
    return { prepared, admission: { ...judge(outcome), notAsked } };
  }
}

type Outcome = NonNullable<Awaited<ReturnType<NonNullable<JobRunner['admit']>>>>['outcome'];

function judge(outcome: Outcome): Omit<PlanAdmission, 'notAsked'> {
  switch (outcome.outcome) {
    case 'accepted':
      return { isAccepted: true, detail: undefined };
    case 'refused':
      return { isAccepted: false, detail: outcome.detail };
    case 'replanned':
      return { isAccepted: undefined, detail: 'The cluster changes right now; ask again' };
    default:
      return { isAccepted: undefined, detail: outcome.detail };
  }
}

/** A refusal of the request is a violation; a trouble of ours a note. */
async function collecting<T>(
  found: { readonly violations: Violation[]; readonly notes: string[] },
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TrainerError)) throw error;
    if (error.status >= 500) {
      if (!found.notes.includes(error.message)) found.notes.push(error.message);
    } else if (error.code === 'INVALID_REQUEST') found.violations.push(...error.violations);
    else found.violations.push({ path: '', message: error.message });
    return undefined;
  }
}
