import type { Reported } from '../../../jobs/reported.ts';
import { createdMs, type PodObject, REPLICATED_JOB_LABEL } from '../diagnosis/pod-finding.ts';
import { TRAINING_STEP } from '../trainjob/replicated-jobs.ts';

const INDEX_LABEL = 'batch.kubernetes.io/job-completion-index';
const RESTART_LABEL = 'jobset.sigs.k8s.io/restart-attempt';

/** A pod that trains, as far as its log is concerned. */
export interface TrainingPod {
  readonly name: string;
  readonly uid: string;
  /** How often its container has been started again. */
  readonly restarts: number;
  readonly node: number;
  readonly attempt: number;
  readonly createdAtMs: number;
  /** Its container runs or has run. */
  readonly hasBegun: boolean;
  /** Its container will write no more. */
  readonly hasEnded: boolean;
  /** Its container has run before the one that it has now. */
  readonly hasPrevious: boolean;
}

/** Undefined for a pod that does not train. */
export function toTrainingPod(
  pod: PodObject,
  reported: Reported | undefined,
): TrainingPod | undefined {
  const { labels = {}, name, uid } = pod.metadata;
  if (labels[REPLICATED_JOB_LABEL] !== TRAINING_STEP) return undefined;
  const container = pod.status?.containerStatuses?.find((one) => one.name === TRAINING_STEP);
  const { state, lastState } = container ?? {};
  const isOver = ['Failed', 'Succeeded'].includes(pod.status?.phase ?? '');
  return {
    ...{ name, uid, createdAtMs: createdMs(pod) },
    restarts: container?.restartCount ?? 0,
    node: Number(labels[INDEX_LABEL] ?? 0),
    attempt: toAttempt(Number(labels[RESTART_LABEL] ?? 0) + 1, reported),
    hasBegun: state?.running !== undefined || state?.terminated !== undefined,
    hasEnded: isOver || (state?.terminated !== undefined && state.running === undefined),
    hasPrevious: lastState?.terminated !== undefined,
  };
}

/** The number of a run that counts itself so: a job's runs may be more than JobSet counts. */
function toAttempt(counted: number, reported: Reported | undefined): number {
  if (reported === undefined) return counted;
  const ahead = reported.attempt - (reported.counted ?? reported.attempt);
  return Math.max(1, counted + ahead);
}
