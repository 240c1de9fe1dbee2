import type { Observation } from '../../../jobs/observation.ts';
import { toOneLine } from '../../../jobs/outside-text.ts';
import { QUEUE_REASONS, type Reason } from '../../../jobs/reasons.ts';
import { type Condition, findTrue, toMs } from '../../../kubernetes/conditions.ts';
import { QUEUE_LABEL } from '../../../kubernetes/labels.ts';
import { type Diagnoses, type Diagnosis, NO_DIAGNOSES } from './diagnoses.ts';
import { toProgress } from './progress.ts';
import { type QueueStanding, UNKNOWN_STANDING } from './queue-standing.ts';
import { isTraining, type SeenTrainJob, splitJobs } from './train-job-object.ts';

type Seen = Extract<Observation, { exists: true }>;
type Said = Pick<Seen, 'status' | 'reason' | 'detail' | 'lastWords' | 'endedAtMs'>;

const FAILURE_REASONS: Readonly<Record<string, Reason>> = {
  ReachedMaxRestarts: 'MAX_RESTARTS_REACHED',
  DeadlineExceeded: 'DEADLINE_EXCEEDED',
  TrainingRuntimeNotSupported: 'RUNTIME_REJECTED',
};

/**
 * What a TrainJob shows, with what its pods, Events and Kueue show if those are known. Pure. The table of
 * docs/KUBERNETES.md, in the order of its rows.
 */
export function toObservation(
  trainJob: SeenTrainJob,
  diagnoses: Diagnoses | undefined = undefined,
  standing: QueueStanding = UNKNOWN_STANDING,
): Seen {
  const { metadata, status } = trainJob;
  const { endedAtMs, ...said } = describe(trainJob, diagnoses ?? NO_DIAGNOSES, standing);
  // A replica that starts after the end never saw every node ready, but the pods still show it.
  const startedAtMs = trainJob.startedAtMs ?? (endedAtMs && diagnoses?.startedAtMs);
  const isInQueue = QUEUE_REASONS.includes(said.reason) && toWaitingQueue(trainJob) !== undefined;
  const isTold = standing.position !== undefined || standing.finding !== undefined;
  return {
    exists: true,
    runId: metadata.uid,
    recordUid: metadata.ownerReferences?.find(({ kind }) => kind === 'Secret')?.uid,
    isStopping: metadata.deletionTimestamp !== undefined,
    ...said,
    startedAtMs,
    // Conditions carry whole seconds, so a short run would seem to end before it began.
    endedAtMs: endedAtMs && Math.max(endedAtMs, startedAtMs ?? 0),
    progress: toProgress(status?.trainerStatus),
    isDiagnosed: isInQueue ? standing.isComplete : diagnoses !== undefined,
    ...(isInQueue && isTold && { hasLiveDetail: true }),
    ...(said.status === 'succeeded' && { resultText: diagnoses?.resultText }),
  };
}

/** Whether Trainer says that it is over. */
export function hasEnded({ status }: SeenTrainJob): boolean {
  return findTrue(status?.conditions, 'Complete', 'Failed') !== undefined;
}

/** Whether the TrainJob failed in a way that its pods can explain. */
export function hasUnexplainedFailure({ status }: SeenTrainJob): boolean {
  const failed = findTrue(status?.conditions, 'Failed');
  return failed !== undefined && FAILURE_REASONS[failed.reason ?? ''] !== 'DEADLINE_EXCEEDED';
}

function describe(
  trainJob: SeenTrainJob,
  { waiting, failure }: Diagnoses,
  standing: QueueStanding,
): Said {
  const { metadata, status } = trainJob;
  const ended = findTrue(status?.conditions, 'Complete', 'Failed');
  if (ended?.type === 'Complete') return describeSuccess(ended);
  if (ended?.reason === 'DeadlineExceeded') return describeDeadline(trainJob, ended, waiting);
  if (ended !== undefined) return describeFailure(ended, failure);
  const count = trainJob.spec?.trainer?.numNodes ?? 1;
  const nodes = `${count} of ${count} ${count === 1 ? 'node' : 'nodes'}`;
  if (isTraining(trainJob)) {
    return { ...going('RUNNING', `Training is running on ${nodes}`), status: 'running' };
  }
  const { initializers, training } = splitJobs(trainJob);
  if (waiting?.reason === 'RUNTIME_REJECTED' && training.length === 0) return going(waiting);
  if (findTrue(status?.conditions, 'Suspended')) {
    const queue = metadata.labels?.[QUEUE_LABEL];
    if (queue !== undefined) return going(describeQueued(queue, standing));
    return going('QUEUED', 'Suspended until somebody resumes it');
  }
  if (waiting !== undefined) return going(waiting);
  if (training.length === 0) return going('ACCEPTED', 'Job accepted for processing');
  const loading = initializers.filter(({ active = 0 }) => active > 0).map(({ name }) => name);
  if (loading.length > 0) {
    return going('INITIALIZING', `Preparing the training: ${loading.sort().join(' and ')}`);
  }
  return going('PENDING', `Waiting until ${nodes} ${count === 1 ? 'is' : 'are'} ready`);
}

/** The queue in which a TrainJob waits; undefined where it does not. */
export function toWaitingQueue({ metadata, status }: SeenTrainJob): string | undefined {
  if (findTrue(status?.conditions, 'Suspended') === undefined) return undefined;
  return metadata.labels?.[QUEUE_LABEL];
}

function describeQueued(queue: string, { position, finding }: QueueStanding): Diagnosis {
  const why = finding === undefined ? '' : `: ${finding.detail}`;
  const { reason = 'QUEUED' } = finding ?? {};
  if (reason === 'QUEUE_MISCONFIGURED') {
    return { reason, detail: `The queue ${queue} cannot take the job${why}` };
  }
  if (reason === 'QUEUE_CAPACITY_EXCEEDED') {
    return { reason, detail: `The job asks for more than the queue ${queue} ever has${why}` };
  }
  const place = position === undefined ? '' : `, as number ${position} in it`;
  return { reason, detail: `Waiting in the queue ${queue}${place}${why}` };
}

function describeSuccess(condition: Condition): Said {
  const detail = 'Training completed';
  return { status: 'succeeded', reason: 'COMPLETED', detail, endedAtMs: endOf(condition) };
}

function describeDeadline(
  trainJob: SeenTrainJob,
  condition: Condition,
  waiting: Diagnosis | undefined,
): Said {
  const seconds = trainJob.spec?.activeDeadlineSeconds;
  const limit = seconds === undefined ? 'Its time limit' : `Its time limit of ${seconds} seconds`;
  // Trainer leaves the counts as they were when it removed the pods.
  const hasRun = trainJob.startedAtMs !== undefined || hasStarted(trainJob);
  const why = waiting === undefined ? '' : `: ${waiting.detail}`;
  const detail = hasRun
    ? `${limit} was reached while it was training`
    : `${limit} was reached while it still waited to start${why}`;
  return {
    status: 'failed',
    reason: 'DEADLINE_EXCEEDED',
    detail: toOneLine(detail),
    lastWords: hasRun ? undefined : waiting?.lastWords,
    endedAtMs: endOf(condition),
  };
}

function describeFailure(condition: Condition, failure: Diagnosis | undefined): Said {
  const { reason = '', message = '' } = condition;
  const known = FAILURE_REASONS[reason];
  const isExhausted = known === 'MAX_RESTARTS_REACHED';
  const cause = failure?.detail ?? (message || 'Training failed');
  return {
    status: 'failed',
    // What is known to be the cause, such as too little memory, stays it however often it was tried.
    reason:
      isExhausted && (failure === undefined || failure.reason === 'POD_FAILED')
        ? 'MAX_RESTARTS_REACHED'
        : (failure?.reason ?? known ?? 'TRAINING_FAILED'),
    detail: toOneLine(
      isExhausted && failure !== undefined ? `${cause} (after its last restart)` : cause,
    ),
    lastWords: failure?.lastWords,
    endedAtMs: endOf(condition),
  };
}

function hasStarted(trainJob: SeenTrainJob): boolean {
  return splitJobs(trainJob).training.some(
    ({ ready = 0, succeeded = 0, failed = 0 }) => ready + succeeded + failed > 0,
  );
}

function going(diagnosis: Diagnosis): Said;
function going(reason: Reason, detail: string): Said;
function going(what: Diagnosis | Reason, detail = ''): Said {
  const said = typeof what === 'string' ? { reason: what, detail } : what;
  return { ...said, detail: toOneLine(said.detail), status: 'submitted', endedAtMs: undefined };
}

function endOf({ lastTransitionTime }: Condition): number | undefined {
  return toMs(lastTransitionTime);
}
