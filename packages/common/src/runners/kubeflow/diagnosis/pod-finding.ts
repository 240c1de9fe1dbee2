import { toOneLine } from '../../../jobs/outside-text.ts';
import type { Reason } from '../../../jobs/reasons.ts';
import { parseTerminationLine } from '../../../jobs/termination-line.ts';
import { type Condition, toMs } from '../../../kubernetes/conditions.ts';
import { TRAINING_STEP } from '../trainjob/replicated-jobs.ts';
import { findPulling } from './pulling-finding.ts';

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: { readonly startedAt?: string | null };
  readonly terminated?: {
    readonly exitCode: number;
    readonly signal?: number;
    readonly reason?: string;
    readonly message?: string;
    readonly startedAt?: string | null;
    readonly finishedAt?: string | null;
  };
}

export interface ContainerStatus {
  readonly name: string;
  readonly image?: string;
  readonly restartCount?: number;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
}

/** What is read of a pod. */
export interface PodObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec?: {
    readonly initContainers?: readonly ContainerSpec[];
    readonly containers?: readonly ContainerSpec[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly Condition[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

interface ContainerSpec {
  readonly name: string;
  readonly restartPolicy?: string;
  readonly resources?: { readonly limits?: Readonly<Record<string, string>> };
}

/** What one pod shows. */
export interface PodFinding {
  readonly when: 'waiting' | 'failed';
  readonly reason: Reason;
  readonly detail: string;
  /** What the container said, which may hold anything that the job knows. */
  readonly lastWords: string | undefined;
  /** When the container ended, for a failure; UNIX milliseconds. */
  readonly atMs: number;
  /** From when on it is worth telling, UNIX milliseconds; undefined for at once. */
  readonly fromMs?: number;
}

/** JobSet's label with the name of the JobSet, which is its TrainJob's. */
export const JOB_SET_LABEL = 'jobset.sigs.k8s.io/jobset-name';

/** JobSet's label with the name of the replicated job, which Trainer's own containers have, too. */
export const REPLICATED_JOB_LABEL = 'jobset.sigs.k8s.io/replicatedjob-name';

const PULL_REASONS = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
  'SignatureValidationFailed',
]);
const CONFIG_REASONS = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
]);
const SIGNAL_BASE = 128;
/** How the scheduler says that a volume, and no node, is missing. */
const UNBOUND_VOLUME =
  /unbound immediate PersistentVolumeClaims|\bpersistentvolumeclaim "[^"]*" (not found|bound to)|didn't find available persistent volumes to bind/i;
/** What a termination message holds at most. */
const MAX_LAST_WORDS = 4096;

/** What is wrong with a pod, or was; undefined when nothing is. Pure. */
export function explainPod(pod: PodObject): PodFinding | undefined {
  // A pod that is being deleted was asked to end, so its end explains nothing.
  if (pod.metadata.deletionTimestamp !== undefined) return undefined;
  const containers = listContainers(pod);
  const { phase } = pod.status ?? {};
  if (phase === 'Failed') return explainFailure(pod, containers);
  if (phase !== 'Pending' && phase !== 'Running') return undefined;
  return (
    firstWaiting(containers, pod) ?? explainUnscheduled(pod) ?? explainPulling(containers, pod)
  );
}

/** A container with its part in the pod: one is what the pod is for, and sidecars only serve it. */
interface Container extends ContainerStatus {
  readonly isMain: boolean;
  readonly isSidecar: boolean;
}

/** All containers, the main one first. */
function listContainers({ metadata, spec, status }: PodObject): Container[] {
  const { containerStatuses = [], initContainerStatuses = [] } = status ?? {};
  const job = metadata.labels?.[REPLICATED_JOB_LABEL];
  const isMain = ({ name }: ContainerStatus) => name === TRAINING_STEP || name === job;
  const hasMain = containerStatuses.some(isMain);
  const restarted = (spec?.initContainers ?? []).filter((init) => init.restartPolicy === 'Always');
  const native = new Set(restarted.map(({ name }) => name));
  return [
    ...initContainerStatuses.map((container) => {
      return { ...container, isMain: false, isSidecar: native.has(container.name) };
    }),
    ...containerStatuses.map((container) => {
      return { ...container, isMain: isMain(container), isSidecar: hasMain && !isMain(container) };
    }),
  ].sort((a, b) => Number(b.isMain) - Number(a.isMain));
}

/** The pod's main container explains its failure; otherwise the others followed the first to finish. */
function explainFailure(pod: PodObject, containers: readonly Container[]): PodFinding {
  const ended = containers.filter(({ state }) => (state?.terminated?.exitCode ?? 0) !== 0);
  const finishedMs = ({ state }: Container) =>
    toMs(state?.terminated?.finishedAt) ?? Number.POSITIVE_INFINITY;
  const culprit =
    ended.find(({ isMain }) => isMain) ??
    ended.toSorted((a, b) => (finishedMs(a) < finishedMs(b) ? -1 : 1))[0];
  const { reason, message } = pod.status ?? {};
  // Its containers were ended because of it, so that their exit codes explain nothing.
  if (culprit !== undefined && reason !== 'Evicted') {
    return explainExit(culprit, culprit.state, 'failed', pod);
  }
  const isGpu = lacksGpu(reason, message);
  const what = isGpu ? 'A pod did not get the GPU that it was promised' : 'A pod failed';
  return {
    when: 'failed',
    reason: isGpu ? 'GPU_UNAVAILABLE' : 'POD_FAILED',
    detail: toOneLine(
      `${what}: ${[reason, message].filter(Boolean).join(', ') || 'no reason was given'}`,
    ),
    lastWords: undefined,
    atMs: createdMs(pod),
  };
}

/** Whether a kubelet refused a pod that was placed on its node, for want of a device. */
function lacksGpu(reason = '', message = ''): boolean {
  const isRefused = reason === 'UnexpectedAdmissionError' || reason.startsWith('OutOf');
  return isRefused && /\/(gpu|mig-)/.test(`${reason} ${message}`);
}

function explainExit(
  { name, isSidecar }: Container,
  state: ContainerState | undefined,
  when: PodFinding['when'],
  pod: PodObject,
): PodFinding {
  const { exitCode = 0, signal, reason, message = '', finishedAt } = state?.terminated ?? {};
  const atMs = toMs(finishedAt) ?? createdMs(pod);
  const lastWords = message.slice(-MAX_LAST_WORDS) || undefined;
  if (reason === 'OOMKilled') {
    const limit = memoryLimitOf(name, pod);
    const amount = limit === undefined ? '' : `: its limit is ${limit}`;
    const what = `The container ${name} was killed because it ran out of memory${amount}`;
    const detail = toOneLine(what);
    // More memory for the training would not help a sidecar, which has a limit of its own.
    const code = isSidecar ? 'POD_FAILED' : 'OUT_OF_MEMORY';
    return { when, reason: code, detail, lastWords, atMs };
  }
  const killedBy = signal || (exitCode > SIGNAL_BASE ? exitCode - SIGNAL_BASE : 0);
  const how = killedBy > 0 ? `exit code ${exitCode} (signal ${killedBy})` : `exit code ${exitCode}`;
  const verb = when === 'failed' ? 'failed' : 'keeps failing';
  const detail = toOneLine(`The container ${name} ${verb} with ${how}`);
  // Our own runtime names its reason; a restart that is to come may still mend it.
  const line = name === TRAINING_STEP ? parseTerminationLine(message) : undefined;
  if (line !== undefined && when === 'failed') {
    return { when, reason: line.reason, detail, lastWords: line.sentence, atMs };
  }
  return { when, reason: 'POD_FAILED', detail, lastWords, atMs };
}

function memoryLimitOf(name: string, { spec }: PodObject): string | undefined {
  const all = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  return all.find((container) => container.name === name)?.resources?.limits?.memory;
}

function explainWaiting(container: Container, pod: PodObject): PodFinding | undefined {
  const { reason = '', message } = container.state?.waiting ?? {};
  const atMs = createdMs(pod);
  const say = (code: Reason, detail: string, lastWords?: string): PodFinding => {
    return { when: 'waiting', reason: code, detail: toOneLine(detail), lastWords, atMs };
  };
  if (PULL_REASONS.has(reason)) {
    const what = `The image ${container.image ?? ''} cannot be pulled`;
    return say('IMAGE_PULL_FAILED', message === undefined ? what : `${what}: ${message}`);
  }
  if (reason === 'CrashLoopBackOff') {
    return explainExit(container, container.lastState, 'waiting', pod);
  }
  if (CONFIG_REASONS.has(reason)) {
    // The message may quote the command, in which variables stand for credentials.
    return say('POD_BLOCKED', `The container ${container.name} cannot be started yet`, message);
  }
  return undefined;
}

function explainUnscheduled(pod: PodObject): PodFinding | undefined {
  const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status !== 'False' || scheduled.reason !== 'Unschedulable') return undefined;
  // What preemption would do is the scheduler's own business, and doubles the sentence.
  const why = (scheduled.message ?? '').split(/ ?preemption: /)[0] ?? '';
  // Where nodes lack something as well, more of them may help: that is told.
  const isVolume = UNBOUND_VOLUME.test(why) && !why.includes('Insufficient ');
  const what = isVolume
    ? 'Nothing has bound a volume of the job yet'
    : 'No node can take the job yet';
  return {
    when: 'waiting',
    reason: isVolume ? 'VOLUME_UNBOUND' : 'INSUFFICIENT_RESOURCES',
    detail: toOneLine(`${what}: ${why || 'the scheduler gave no reason'}`),
    lastWords: undefined,
    atMs: createdMs(pod),
  };
}

function explainPulling(
  containers: readonly Container[],
  { status }: PodObject,
): PodFinding | undefined {
  const found = findPulling(containers, status);
  return found && { when: 'waiting', reason: 'IMAGE_PULLING', lastWords: undefined, ...found };
}

function firstWaiting(containers: readonly Container[], pod: PodObject): PodFinding | undefined {
  for (const container of containers) {
    const finding = explainWaiting(container, pod);
    if (finding !== undefined) return finding;
  }
  return undefined;
}

/** When the container that trains began, UNIX milliseconds; undefined in pods that do not train. */
export function trainingStartedMs(pod: PodObject): number | undefined {
  const state = pod.status?.containerStatuses?.find(({ name }) => name === TRAINING_STEP)?.state;
  return toMs((state?.running ?? state?.terminated)?.startedAt);
}

/** What the training container left of its result when it succeeded; undefined where it did not. */
export function trainingResult({ status }: PodObject): string | undefined {
  const training = status?.containerStatuses?.find(({ name }) => name === TRAINING_STEP);
  const { exitCode, message } = training?.state?.terminated ?? {};
  // Of several nodes only the first has one.
  return exitCode === 0 && message?.includes('"model_uri"') === true ? message : undefined;
}

export function createdMs({ metadata }: PodObject): number {
  return toMs(metadata.creationTimestamp) ?? 0;
}
