import type { Phase, PhaseOwner } from '../requests/phase.ts';
import { isTerminal, type JobState } from './job.ts';
import type { Reason } from './reasons.ts';
import type { Reported } from './reported.ts';

/** Where the time of a job goes, and whom or what that is owed to. */
export interface CurrentPhase {
  readonly phase: Phase;
  readonly owner: PhaseOwner;
}

/** What a job waits for, by the reason of its state; any other is the training's own. */
const OWNERS_OF_WAITING: Readonly<Partial<Record<Reason, PhaseOwner>>> = {
  ACCEPTED: 'service',
  RECORD_UNREADABLE: 'service',
  QUEUED: 'queue',
  QUEUE_MISCONFIGURED: 'queue',
  PREEMPTED: 'queue',
  WAITING_FOR_QUOTA: 'quota',
  QUEUE_CAPACITY_EXCEEDED: 'quota',
  QUOTA_EXCEEDED: 'quota',
  INSUFFICIENT_RESOURCES: 'scheduler',
  VOLUME_UNBOUND: 'volume',
  IMAGE_PULLING: 'image',
  IMAGE_PULL_FAILED: 'image',
  POD_BLOCKED: 'container',
  POD_FAILED: 'container',
  OUT_OF_MEMORY: 'container',
  RUNTIME_REJECTED: 'runtime',
  INITIALIZING: 'initializer',
  PENDING: 'start',
};

/**
 * The phase of a job: what it waits for by its state, else what its training says, which counts as
 * training until it does. One that its queue stopped half way waits again. Undefined once it has ended.
 */
export function toCurrentPhase(
  { status, reason }: Pick<JobState, 'status' | 'reason'>,
  reported: Pick<Reported, 'phase' | 'stalled'> | undefined,
): CurrentPhase | undefined {
  if (isTerminal(status)) return undefined;
  if (status !== 'submitted' && reason !== 'PREEMPTED') {
    const { stalled } = reported ?? {};
    if (stalled !== undefined) return { phase: 'stalled', owner: stalled.owner };
    return { phase: reported?.phase ?? 'training', owner: 'training' };
  }
  const owner = OWNERS_OF_WAITING[reason] ?? 'start';
  return { phase: owner === 'initializer' ? 'downloading' : 'queued', owner };
}

const SENTENCES_OF_OWNERS: Readonly<Record<Exclude<PhaseOwner, 'training'>, string>> = {
  service: 'Accepted, and not started yet',
  queue: 'Waiting for its turn in a queue',
  quota: 'Waiting for room in the quota',
  scheduler: 'Waiting for a node that can take it',
  volume: 'Waiting for a volume',
  image: 'Waiting for an image',
  container: 'Waiting for a container that cannot start, or keeps failing',
  runtime: 'Waiting for the runtime to be accepted by the cluster',
  initializer: 'Loading model and data',
  start: 'Waiting until it has started on every node',
  'no reports': 'Standing still, as it seems: no report comes any more',
  'no step': 'Standing still, as it seems: its reports tell of no further step',
};
const SENTENCES_OF_TRAINING: Readonly<Record<Phase, string>> = {
  queued: 'Waiting',
  downloading: 'Loading model and data',
  training: 'Training',
  evaluating: 'Evaluating on rows that were held out',
  saving: 'Saving a checkpoint or the model',
  uploading: 'Uploading to the output',
  stalled: 'Standing still, as it seems',
};

/** What is said of a phase of which no more is known. */
export function describePhase({ phase, owner }: CurrentPhase): string {
  return owner === 'training' ? SENTENCES_OF_TRAINING[phase] : SENTENCES_OF_OWNERS[owner];
}
