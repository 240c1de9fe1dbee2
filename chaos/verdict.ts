import { type ClusterAudit, TRAINER_API } from './cluster-audit.ts';
import type { Fleet } from './fleet.ts';
import { type AcceptedJob, addressesOf, lastPlaces, mayBeDropped, type RefusedJob } from './job.ts';
import { isPossibleEnd } from './possible-ends.ts';
import { isEnd, type Receivers, type SeenEnd } from './receivers.ts';
import { judgeSteering, SEEN_LATE_MS, type SteeringVerdict } from './steering-verdict.ts';
import type { Workload } from './workload.ts';

export interface Verdict extends SteeringVerdict {
  readonly jobs: number;
  /** Submissions that were refused, and so are no jobs. */
  readonly refusals: number;
  /** Jobs whose end no receiver accepted. */
  readonly lost: readonly string[];
  /** Accepted ends beyond the first of a job at one address. */
  readonly repeats: number;
  /**
   * Jobs with more of those than processes died between sending the end and recording that, and
   * one more where an event before the end was cut off.
   */
  readonly repeatedForNothing: readonly string[];
  /** Jobs whose receiver accepted something else after their end. */
  readonly notEndedLast: readonly string[];
  /** Jobs that were told two different ends, ids or bodies. */
  readonly contradicting: readonly string[];
  /** Jobs that were told an end that cannot follow from what was asked of them. */
  readonly wronglyEnded: readonly string[];
  /** Refused submissions that were still known to the service, or told to their webhooks. */
  readonly refusedButKept: readonly string[];
  readonly unanswered: readonly string[];
  /** TrainJobs made anew for one record, other than those that we deleted. */
  readonly createdTwice: readonly string[];
  readonly aliveTwice: readonly string[];
  /** Jobs whose pods ran although their record or its credentials were gone. */
  readonly withoutCredentials: readonly string[];
  readonly orphans: readonly string[];
}

/** How long an attempt may take, and how long after a cut the end is repeated; see docs/CALLBACKS.md. */
const ATTEMPT_MS = 15_000;
const REPEAT_AFTER_MS = 15_000;

/** Judges a run by what receivers and cluster saw, not by what the service says of itself. */
export async function judge(
  workload: Pick<Workload, 'accepted' | 'refused' | 'unanswered' | 'steering'>,
  cutShort: Fleet['cutShort'],
  deletedByUs: ReadonlySet<string>,
  receivers: Receivers,
  audit: ClusterAudit,
): Promise<Verdict> {
  const { accepted: jobs, refused, unanswered } = workload;
  const endsOf = (job: AcceptedJob | RefusedJob) => receivers.endsAt(...addressesOf(job));
  const repeatsOf = (job: AcceptedJob) =>
    addressesOf(job)
      .map((address) => receivers.endsAt(address).filter(({ answer }) => answer === 200).length)
      .reduce((sum, accepted) => sum + Math.max(0, accepted - 1), 0);
  const findWrongEnd = (job: AcceptedJob | RefusedJob) => {
    const isDeletedByUs = 'name' in job && deletedByUs.has(job.name);
    const isWrong = (end: SeenEnd) => !isPossibleEnd(job, isDeletedByUs, end);
    const wrong = endsOf(job).find(isWrong);
    if (wrong === undefined) return [];
    const cancel = 'cancel' in job ? job.cancel : undefined;
    const asked = cancel && ` and a cancel answered with ${cancel.answeredWith ?? 'nothing'}`;
    return [`${job.id}: ${wrong.status} ${wrong.reason} after ${job.plan}${asked ?? ''}`];
  };
  return {
    jobs: jobs.length,
    refusals: refused.length,
    lost: jobs.filter((job) => !isTold(job, receivers) && !mayBeDropped(job)).map(({ id }) => id),
    repeats: jobs.reduce((sum, job) => sum + repeatsOf(job), 0),
    repeatedForNothing: jobs
      .filter((job) => {
        const hasCut = hasCutBeforeEnd(job, receivers, audit);
        return repeatsOf(job) > (cutShort.get(job.name) ?? 0) + (hasCut ? 1 : 0);
      })
      .map(({ id }) => id),
    notEndedLast: jobs.filter((job) => !isEndedLast(job, receivers)).map(({ id }) => id),
    contradicting: jobs
      .filter((job) => {
        const ends = endsOf(job);
        return new Set(ends.map((end) => `${end.status} ${end.webhookId} ${end.body}`)).size > 1;
      })
      .map(({ id }) => id),
    // A refusal may come after an attempt that died over a record of its own, which others end.
    wronglyEnded: [...jobs, ...refused].flatMap(findWrongEnd),
    refusedButKept: refused
      .filter(({ isCertain, isStillKnown, ...job }) => {
        const isHeardOf = addressesOf(job).some((address) => receivers.heardAt(address));
        return isStillKnown || (isCertain && isHeardOf);
      })
      .map(({ id }) => id),
    unanswered,
    createdTwice: audit.createdTwice().filter((name) => !deletedByUs.has(name)),
    aliveTwice: audit.aliveTwice(),
    withoutCredentials: audit.ranWithoutCredentials(),
    ...judgeSteering(workload, deletedByUs, receivers, audit),
    orphans: await findOrphans(audit),
  };
}

/**
 * Whether an attempt at a job's end came so soon after a takeover, or after an update that was left
 * without an answer, that what was cut off then might still be written after it.
 */
function hasCutBeforeEnd(job: AcceptedJob, receivers: Receivers, audit: ClusterAudit): boolean {
  const addresses = addressesOf(job);
  const ends = receivers.endsAt(...addresses);
  const isSoonAfter = (startedAtMs: number, withinMs: number) =>
    ends.some(({ atMs }) => {
      return atMs > startedAtMs - SEEN_LATE_MS && atMs < startedAtMs + withinMs + SEEN_LATE_MS;
    });
  const cutOffsMs = addresses.flatMap((address) => receivers.heardAt(address)?.cutOffsMs ?? []);
  return (
    audit.takeoversMs().some((atMs) => isSoonAfter(atMs, REPEAT_AFTER_MS)) ||
    cutOffsMs.some((atMs) => isSoonAfter(atMs, ATTEMPT_MS + REPEAT_AFTER_MS))
  );
}

/** Whether the end of a job has reached where it was to go last, or was refused there for good. */
export function isTold(job: AcceptedJob, receivers: Receivers): boolean {
  return lastPlaces(job).some(({ address, behaviour }) => {
    const wanted = behaviour === 'gone' ? 410 : 200;
    return (
      address === undefined || receivers.endsAt(address).some(({ answer }) => answer === wanted)
    );
  });
}

/** Whether a receiver that writes down what it accepts last shows the end, where it has accepted one. */
function isEndedLast(job: AcceptedJob, receivers: Receivers): boolean {
  return addressesOf(job).every((address) => {
    const isAccepted = receivers.endsAt(address).some(({ answer }) => answer === 200);
    return !isAccepted || isEnd(receivers.heardAt(address)?.lastStatus);
  });
}

/** What is left once every record has expired. */
export async function findOrphans(audit: ClusterAudit): Promise<string[]> {
  const kinds = [
    ['/api/v1', 'secrets'],
    [TRAINER_API, 'trainjobs'],
    ['/apis/jobset.x-k8s.io/v1alpha2', 'jobsets'],
    ['/apis/batch/v1', 'jobs'],
    ['/api/v1', 'pods'],
  ] as const;
  const found = await Promise.all(
    kinds.map(async ([apiPath, resource]) => {
      const items = await audit.list(apiPath, resource);
      return items.map(({ metadata }) => `${resource}/${metadata.name}`);
    }),
  );
  return found.flat();
}
