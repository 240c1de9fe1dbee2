import type { Reason } from '../../../jobs/reasons.ts';
import type { Diagnoses, Diagnosis } from '../status/diagnoses.ts';
import { type EventFinding, type EventObject, explainEvent } from './event-finding.ts';
import { createdMs, explainPod, type PodFinding, type PodObject } from './pod-finding.ts';

/** The finding that people need most comes first. */
const URGENCY: readonly Reason[] = [
  'OUT_OF_MEMORY',
  'POD_FAILED',
  'IMAGE_PULL_FAILED',
  'RUNTIME_REJECTED',
  'QUOTA_EXCEEDED',
  'VOLUME_UNBOUND',
  'INSUFFICIENT_RESOURCES',
  'POD_BLOCKED',
  'IMAGE_PULLING',
];

/** A job's pods and Events as one sentence each for waiting and failing. Pure. */
export function diagnose(pods: readonly PodObject[], events: readonly EventObject[]): Diagnoses {
  return combine(
    pods.map((pod) => ({ finding: explainPod(pod), createdAtMs: createdMs(pod) })),
    events.flatMap((event) => explainEvent(event) ?? []),
  );
}

/** Like `diagnose`, of what was already understood. */
export function combine(
  pods: readonly { readonly finding: PodFinding | undefined; readonly createdAtMs: number }[],
  events: readonly EventFinding[],
): Diagnoses {
  const ofPods = (when: PodFinding['when']) =>
    pods.flatMap(({ finding }) => (finding?.when === when ? [finding] : []));
  // An Event is history: a pod that was created after it says that its cause is gone.
  const newestPodMs = Math.max(0, ...pods.map(({ createdAtMs }) => createdAtMs));
  const current = events.filter(({ atMs }) => atMs >= newestPodMs);
  return {
    waiting: mostUrgent([...ofPods('waiting'), ...current]),
    failure: firstFailure(ofPods('failed')),
  };
}

/** The cause is the pod that failed first; the others were often stopped because of it. */
function firstFailure(findings: readonly PodFinding[]): Diagnosis | undefined {
  const [first, ...rest] = findings;
  if (first === undefined) return undefined;
  const cause = rest.reduce((a, b) => (b.atMs < a.atMs ? b : a), first);
  return toDiagnosis(cause);
}

function mostUrgent(found: readonly Diagnosis[]): Diagnosis | undefined {
  const rank = ({ reason }: Diagnosis) => URGENCY.indexOf(reason);
  const [first, ...rest] = found;
  if (first === undefined) return undefined;
  return toDiagnosis(rest.reduce((a, b) => (rank(b) < rank(a) ? b : a), first));
}

function toDiagnosis({ reason, detail, lastWords }: Diagnosis): Diagnosis {
  return { reason, detail, lastWords };
}
