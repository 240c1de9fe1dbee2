import { toOneLine } from '../../../jobs/outside-text.ts';
import type { Reason } from '../../../jobs/reasons.ts';
import { type Condition, isTrue } from '../../../kubernetes/conditions.ts';
import type { CachedObject } from '../../../kubernetes/object-store.ts';
import type { Diagnosis } from '../status/diagnoses.ts';

/** What is read of a Workload of Kueue (`kueue.x-k8s.io/v1beta2`). */
export interface WorkloadObject extends CachedObject {
  readonly metadata: CachedObject['metadata'] & {
    readonly ownerReferences?: readonly {
      readonly kind: string;
      readonly name: string;
      readonly uid: string;
    }[];
  };
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly admissionChecks?: readonly AdmissionCheck[];
  };
}

interface AdmissionCheck {
  readonly name: string;
  readonly state: string;
  readonly message?: string;
}

/** Why Kueue does not admit a Workload, or that it is `admitted`, so that its job is resumed soon. */
export type WorkloadFinding = Diagnosis | 'admitted';

/** Reasons of the condition since v0.19, where its gate UnadmittedWorkloadsObservability is on. */
const KNOWN_REASONS: Readonly<Record<string, Reason>> = {
  Misconfigured: 'QUEUE_MISCONFIGURED',
  ExceedsMaxQuota: 'QUEUE_CAPACITY_EXCEEDED',
  WaitingForQuota: 'WAITING_FOR_QUOTA',
  WaitingForPreemptedWorkloads: 'WAITING_FOR_QUOTA',
};
/** Kueue speaks of each kind of pods apart, and of every flavor that it tried for them. */
const BETWEEN_POD_SETS = /; (?=couldn't assign flavors to pod set )/;
const NEVER_FITS = /> maximum capacity|unavailable in ClusterQueue/;
const FITS_LATER =
  /insufficient unused quota|overlapping preemption targets|no longer fits after|Pending the (preemption|migration)/;
const NO_SUCH_QUEUE =
  /(Local|Cluster)Queue \S+ (doesn't exist|not found|is terminating or missing)|namespace doesn't match ClusterQueue selector|^resources (validation failed|didn't satisfy LimitRange)/;
const NO_FLAVOR = /untolerated taint|doesn't match node affinity/;

/** Undefined where Kueue has not said anything yet, and once the job has ended. Pure. */
export function explainWorkload({ status }: WorkloadObject): WorkloadFinding | undefined {
  if (isTrue(status?.conditions, 'Finished')) return undefined;
  const reserved = status?.conditions?.find(({ type }) => type === 'QuotaReserved');
  if (reserved?.status === 'True') return explainChecks(status?.admissionChecks ?? []);
  if (reserved?.status !== 'False' || !reserved.message) return undefined;
  const { message, reason = '' } = reserved;
  return { reason: KNOWN_REASONS[reason] ?? readMessage(message), detail: toOneLine(message) };
}

/** What it waits for once it has its quota. */
function explainChecks(checks: readonly AdmissionCheck[]): WorkloadFinding {
  const open = checks.filter(({ state }) => state !== 'Ready');
  if (open.length === 0) return 'admitted';
  const names = open.map(({ name, message }) => (message ? `${name} (${message})` : name));
  const detail = `its quota is reserved, and it waits for admission checks: ${names.join(', ')}`;
  return { reason: 'QUEUED', detail: toOneLine(detail) };
}

/** By its words: to every other release, and with the gate off, it is `Pending` or `Inadmissible`. */
function readMessage(message: string): Reason {
  if (NO_SUCH_QUEUE.test(message)) return 'QUEUE_MISCONFIGURED';
  const neverAdmitted = message
    .split(BETWEEN_POD_SETS)
    .filter((podSet) => !FITS_LATER.test(podSet));
  if (neverAdmitted.some((podSet) => NEVER_FITS.test(podSet))) return 'QUEUE_CAPACITY_EXCEEDED';
  if (neverAdmitted.some((podSet) => NO_FLAVOR.test(podSet))) return 'QUEUE_MISCONFIGURED';
  return FITS_LATER.test(message) ? 'WAITING_FOR_QUOTA' : 'QUEUED';
}
