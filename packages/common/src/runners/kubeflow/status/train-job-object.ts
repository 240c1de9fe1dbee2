import { type Condition, isTrue } from '../../../kubernetes/conditions.ts';
import { QUEUE_LABEL } from '../../../kubernetes/labels.ts';
import { DATASET_STEP, MODEL_STEP } from '../trainjob/replicated-jobs.ts';

/** Counts of one kind of child Job: Jobs, not pods. */
export interface ChildJobs {
  readonly name: string;
  /** Jobs of which all pods are ready or done. */
  readonly ready?: number;
  readonly succeeded?: number;
  readonly failed?: number;
  /** Jobs with at least one pod that is pending or running. */
  readonly active?: number;
}

export interface TrainerStatus {
  readonly progressPercentage?: number;
  readonly estimatedRemainingSeconds?: number;
  readonly metrics?: readonly { readonly name?: unknown; readonly value?: unknown }[];
}

/** What is read of a TrainJob (`trainer.kubeflow.org/v1alpha1`). */
export interface TrainJobObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly uid: string }[];
    readonly managedFields?: readonly { readonly subresource?: string; readonly time?: string }[];
  };
  readonly spec?: {
    readonly activeDeadlineSeconds?: number;
    readonly trainer?: { readonly numNodes?: number };
  };
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly jobsStatus?: readonly ChildJobs[];
    readonly trainerStatus?: TrainerStatus;
  };
}

/** A TrainJob as it is kept in memory: what an observation needs, a hundredth of the object. */
export interface SeenTrainJob extends TrainJobObject {
  /** When all nodes were first seen ready, UNIX milliseconds: the object itself does not say. */
  readonly startedAtMs: number | undefined;
}

const INITIALIZERS = new Set([DATASET_STEP, MODEL_STEP]);
/** Times of the API server are whole seconds and come a moment late. */
const FRESH_MS = 5000;

/** The child Jobs of both kinds. */
export function splitJobs({ status }: TrainJobObject) {
  const jobs = status?.jobsStatus ?? [];
  return {
    initializers: jobs.filter(({ name }) => INITIALIZERS.has(name)),
    training: jobs.filter(({ name }) => !INITIALIZERS.has(name)),
  };
}

/** Whether the pods of every training Job are ready, or some are and the rest are done. */
export function isTraining(trainJob: TrainJobObject): boolean {
  const { training } = splitJobs(trainJob);
  const isUp = ({ ready = 0, active = 0, succeeded = 0 }: ChildJobs) =>
    ready + succeeded > 0 && ready >= active;
  return training.length > 0 && training.every(isUp);
}

/** Drops what no observation needs, and notes the start: of the run seen before, else now. */
export function toSeenTrainJob(
  trainJob: TrainJobObject,
  before: SeenTrainJob | undefined,
  nowMs: number,
): SeenTrainJob {
  const { metadata, spec, status } = trainJob;
  const { name, uid, resourceVersion, creationTimestamp, deletionTimestamp } = metadata;
  const queue = metadata.labels?.[QUEUE_LABEL];
  const owner = metadata.ownerReferences?.find(({ kind }) => kind === 'Secret');
  const numNodes = spec?.trainer?.numNodes;
  const isSame = before?.metadata.uid === uid;
  return {
    metadata: {
      name,
      uid,
      resourceVersion,
      ...(creationTimestamp !== undefined && { creationTimestamp }),
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
      ...(queue !== undefined && { labels: { [QUEUE_LABEL]: queue } }),
      ...(owner && { ownerReferences: [{ kind: owner.kind, uid: owner.uid }] }),
    },
    spec: {
      ...(spec?.activeDeadlineSeconds !== undefined && {
        activeDeadlineSeconds: spec.activeDeadlineSeconds,
      }),
      ...(numNodes !== undefined && { trainer: { numNodes } }),
    },
    ...(status && { status }),
    startedAtMs: (isSame ? before.startedAtMs : undefined) ?? toStart(trainJob, nowMs),
  };
}

/** Trainer writes no start, but the last change of a status that shows it is never before it. */
function toStart(trainJob: TrainJobObject, nowMs: number): number | undefined {
  const hasEnded = isTrue(trainJob.status?.conditions, 'Complete', 'Failed');
  if (hasEnded || !isTraining(trainJob)) return undefined;
  const written = trainJob.metadata.managedFields
    ?.filter(({ subresource }) => subresource === 'status')
    .map(({ time }) => Date.parse(time ?? ''))
    .find((timeMs) => timeMs < nowMs - FRESH_MS);
  return written ?? nowMs;
}
