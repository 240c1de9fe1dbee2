import { toOneLine } from '../../../jobs/outside-text.ts';
import type { Reason } from '../../../jobs/reasons.ts';
import { toMs } from '../../../kubernetes/conditions.ts';
import { hasPassingCause, quotaSentence } from '../../../kubernetes/server-sentence.ts';

/** What is read of an Event (core `v1`). */
export interface EventObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly creationTimestamp?: string;
  };
  readonly involvedObject: {
    readonly kind?: string;
    readonly name?: string;
    readonly uid?: string;
  };
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly eventTime?: string | null;
  readonly lastTimestamp?: string | null;
  readonly series?: { readonly lastObservedTime?: string };
}

/** What one Event shows. */
export interface EventFinding {
  readonly reason: Reason;
  readonly detail: string;
  /** When it last said so, UNIX milliseconds. */
  readonly atMs: number;
}

/** Which Events are watched: pods show what these leave out, and more reliably. */
export const EVENT_SELECTOR = [
  'type=Warning',
  ...['FailedScheduling', 'BackOff', 'Failed', 'Unhealthy', 'BackoffLimitExceeded'].map(
    (reason) => `reason!=${reason}`,
  ),
].join(',');

/** Controllers that lag behind what they made themselves: they look again and go on. */
const OWN_RACE =
  /\b(services|jobs\.batch|jobsets\.jobset\.x-k8s\.io|pods|persistentvolumeclaims) "[^"]*" (already exists|not found)\b/;

/** What an Event says is in a job's way; undefined when nothing. Pure. */
export function explainEvent(event: EventObject): EventFinding | undefined {
  const { type, reason = '', message = '' } = event;
  if (type !== 'Warning') return undefined;
  const atMs = lastSeenMs(event);
  switch (`${event.involvedObject.kind}/${reason}`) {
    case 'TrainJob/TrainJobResourcesCreationFailed':
    case 'JobSet/JobCreationFailed':
    case 'JobSet/PVCCreationFailed':
    case 'JobSet/HeadlessServiceCreationFailed':
    case 'Job/FailedCreate':
      return passes(message) ? undefined : { ...explainRefusal(message), atMs };
    case 'Pod/FailedMount':
    case 'Pod/FailedAttachVolume':
    case 'Pod/FailedCreatePodSandBox':
      return {
        reason: 'POD_BLOCKED',
        detail: toOneLine(`A pod cannot start yet: ${message}`),
        atMs,
      };
    default:
      return undefined;
  }
}

function passes(message: string): boolean {
  return hasPassingCause(message) || OWN_RACE.test(message);
}

function explainRefusal(message: string): Omit<EventFinding, 'atMs'> {
  const quota = quotaSentence(message);
  if (quota !== undefined) return { reason: 'QUOTA_EXCEEDED', detail: quota };
  const detail = toOneLine(`The cluster refuses what the runtime makes of the job: ${message}`);
  return { reason: 'RUNTIME_REJECTED', detail };
}

/** The newest of the times that the two generations of the Event API write. */
export function lastSeenMs({ series, eventTime, lastTimestamp, metadata }: EventObject): number {
  const times = [series?.lastObservedTime, eventTime, lastTimestamp, metadata.creationTimestamp];
  return Math.max(0, ...times.map((time) => toMs(time) ?? 0));
}
