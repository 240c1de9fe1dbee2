import type { ClusterAudit } from './cluster-audit.ts';
import { type AcceptedJob, addressesOf, leftAtMs, type Place } from './job.ts';
import type { Receivers } from './receivers.ts';
import type { AskedEvent } from './record-audit.ts';
import type { Workload } from './workload.ts';

export interface SteeringVerdict {
  /** Jobs whose end was sent where it no longer went, or with another `auth_header` than it goes with there. */
  readonly misdirected: readonly string[];
  /** Jobs of which something was left when their forgetting was acknowledged. */
  readonly keptThoughForgotten: readonly string[];
  /** Jobs that were made anew or told of after that. */
  readonly cameBack: readonly string[];
  /** Jobs whose record took an end back, or had another later. */
  readonly unlatched: readonly string[];
  /** Jobs whose history lost or changed what was asked for, or tells of more or less than was done. */
  readonly historyWrong: readonly string[];
  /** Reruns that are not there exactly once, or are not what they and the jobs before them tell. */
  readonly familyWrong: readonly string[];
  /** Jobs whose run was stopped before the time was over that it had to save a checkpoint. */
  readonly stoppedWhileSaving: readonly string[];
}

/** What has come to each address. */
export type HeardAt = Pick<Receivers, 'endsAt' | 'heardAt'>;

/** How late a watch may tell, or a receiver read. */
export const SEEN_LATE_MS = 2000;

/** Judges what was done to jobs after their submission, by what receivers and cluster saw. */
export function judgeSteering(
  { accepted: jobs, steering }: Pick<Workload, 'accepted' | 'steering'>,
  deletedByUs: ReadonlySet<string>,
  receivers: HeardAt,
  audit: Pick<ClusterAudit, 'records' | 'stoppedWhileSaving'>,
): SteeringVerdict {
  const { records } = audit;
  const livesOf = ({ places }: AcceptedJob) => records.livesAt(places[0]?.address);
  const idsOf = (isBad: (job: AcceptedJob) => boolean) => jobs.filter(isBad).map(({ id }) => id);
  return {
    misdirected: idsOf((job) => job.places.some((place) => isMisdirected(job, place, receivers))),
    keptThoughForgotten: steering.keptThoughForgotten,
    cameBack: idsOf(
      (job) =>
        livesOf(job).some(({ createdAtMs }) => createdAtMs > goneAtMs(job)) ||
        isToldOfLater(job, receivers),
    ),
    unlatched: records.unlatched(),
    historyWrong: [
      ...records.rewritten(),
      ...jobs.flatMap((job) => {
        const asked = livesOf(job).flatMap((life) => life.asked);
        const wrong = findWrongHistory(job, asked, deletedByUs.has(job.name));
        return wrong === undefined ? [] : [`${job.id}: ${wrong}`];
      }),
    ],
    familyWrong: [
      ...steering.familyWrong,
      ...jobs
        .filter((job) => {
          const parents = livesOf(job).map((life) => describeOrigin(life.rerunOf));
          return job.rerunOf !== undefined && parents.join() !== describeOrigin(job.rerunOf);
        })
        .map((job) => `${job.id}: ${livesOf(job).length} records`),
    ],
    stoppedWhileSaving: audit.stoppedWhileSaving().filter((name) => !deletedByUs.has(name)),
  };
}

/** How often it was acknowledged that something was done to a job. */
export function describeSteered(jobs: readonly AcceptedJob[]): string {
  const cancelled = jobs.filter(({ cancel }) => cancel?.answeredWith === 'cancelled').length;
  const redirected = jobs.flatMap(({ places }) => places.slice(1)).filter(isHeld).length;
  const forgotten = jobs.filter(({ forgetting }) => forgetting?.acknowledgedAtMs !== undefined);
  const used = jobs.length - new Set(jobs.map(({ id }) => id)).size;
  const reruns = jobs.flatMap(({ rerunOf }) => rerunOf?.from ?? []);
  const resumed = reruns.filter((from) => from === 'checkpoint').length;
  return `cancelled: ${cancelled}; called elsewhere: ${redirected}; forgotten: ${forgotten.length}; ids used again: ${used}; run again: ${reruns.length}, from a checkpoint ${resumed}`;
}

function describeOrigin(rerunOf: AcceptedJob['rerunOf']): string {
  return `${rerunOf?.jobId} from ${rerunOf?.from}`;
}

/** From when on nothing may be seen of a job any more. */
function goneAtMs({ forgetting }: AcceptedJob): number {
  return (forgetting?.acknowledgedAtMs ?? Number.POSITIVE_INFINITY) + SEEN_LATE_MS;
}

/** Whether anything was told of a job after its forgetting was acknowledged. */
export function isToldOfLater(job: AcceptedJob, receivers: HeardAt): boolean {
  return addressesOf(job).some(
    (address) => (receivers.heardAt(address)?.lastAtMs ?? 0) > goneAtMs(job),
  );
}

function isHeld({ heldAtMs }: Place): boolean {
  return heldAtMs !== undefined;
}

/** Whether an end was sent to a place that it had left, or anything with another `auth_header` than its own. */
export function isMisdirected(job: AcceptedJob, place: Place, receivers: HeardAt): boolean {
  const { address, authorization } = place;
  if (address === undefined) return false;
  const untilMs = (leftAtMs(job, place) ?? Number.POSITIVE_INFINITY) + SEEN_LATE_MS;
  const isLate = receivers.endsAt(address).some(({ atMs }) => atMs > untilMs);
  const authorizations = receivers.heardAt(address)?.authorizations ?? [];
  return isLate || [...authorizations].some((seen) => seen !== authorization);
}

/** What a history says otherwise than it was; undefined where it is right. */
export function findWrongHistory(
  { places, cancel }: AcceptedJob,
  asked: readonly AskedEvent[],
  isDeletedByUs: boolean,
): string | undefined {
  const count = (type: string, status?: string) =>
    asked.filter((event) => event.type === type && event.status === status).length;
  const changes = places.slice(1);
  const told = count('job.callbacks');
  const held = changes.filter(isHeld).length;
  if (told < held || told > changes.length) {
    return `${told} changes of callbacks told, of ${held} to ${changes.length}`;
  }
  const reruns = count('job.rerun');
  if (reruns > 1) return `${reruns} reruns told`;
  const cancels = count('job.state', 'cancelled');
  const isOurs = cancel?.answeredWith === 'cancelled' && !isDeletedByUs;
  if (cancels > (cancel === undefined ? 0 : 1) || (isOurs && cancels === 0)) {
    return `${cancels} cancels told`;
  }
  return undefined;
}
