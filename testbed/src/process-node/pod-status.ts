import { type ContainerSpec, containersOf, isInit, isSidecar, type Pod } from './pod.ts';

export type ContainerState =
  | { readonly waiting: { readonly reason: string; readonly message?: string } }
  | { readonly running: { readonly startedAt: string } }
  | { readonly terminated: Termination };

export interface Termination {
  readonly exitCode: number;
  readonly reason: string;
  readonly message?: string;
  readonly startedAt: string;
  readonly finishedAt: string;
}

/** How one container is; the last state is that of the run before. */
export interface ContainerProgress {
  readonly state: ContainerState;
  readonly lastState?: ContainerState;
  readonly restartCount: number;
}

/** Why the node itself ended a pod. */
export interface NodeVerdict {
  readonly reason: string;
  readonly message: string;
  /** A disruption, which a Job may count otherwise than a failure. */
  readonly isDisruption: boolean;
}

export interface PodProgress {
  readonly pod: Pod;
  readonly containers: ReadonlyMap<string, ContainerProgress>;
  readonly startTime: string;
  readonly hostIp: string;
  readonly podIp?: string | undefined;
  /** Nothing is started any more. */
  readonly isEnding: boolean;
  readonly verdict?: NodeVerdict | undefined;
}

export type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

/**
 * The phase as the Pod documentation has it: Succeeded and Failed are told only when no container
 * runs and none will be started again.
 */
export function toPhase(progress: PodProgress): Phase {
  const { pod, isEnding, verdict } = progress;
  const stateOf = ({ name }: ContainerSpec) => progress.containers.get(name)?.state;
  const all = containersOf(pod);
  const states = all.map(stateOf);
  const isRunning = (state: ContainerState | undefined) =>
    state !== undefined && 'running' in state;
  if (isEnding && !states.some(isRunning)) {
    if (verdict !== undefined) return 'Failed';
    const counted = all.filter((container) => !isSidecar(pod, container)).map(stateOf);
    const isSuccess = counted.every(
      (state) => state !== undefined && 'terminated' in state && state.terminated.exitCode === 0,
    );
    return isSuccess ? 'Succeeded' : 'Failed';
  }
  const hasStarted = pod.spec.containers.some(({ name }) => {
    const container = progress.containers.get(name);
    return (
      container !== undefined && (container.restartCount > 0 || !('waiting' in container.state))
    );
  });
  return hasStarted ? 'Running' : 'Pending';
}

/** What a kubelet would write as the pod's status. The time is that of a condition's change. */
export function toPodStatus(progress: PodProgress, now: string): Record<string, unknown> {
  const { pod, podIp, hostIp, startTime, verdict } = progress;
  const phase = toPhase(progress);
  const list = (containers: readonly ContainerSpec[] = []) =>
    containers.map((container) => toContainerStatus(container, progress));
  return {
    phase,
    conditions: toConditions(progress, phase, now),
    ...(verdict !== undefined &&
      phase === 'Failed' && { reason: verdict.reason, message: verdict.message }),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    ...(podIp !== undefined && { podIP: podIp, podIPs: [{ ip: podIp }] }),
    startTime,
    ...(pod.spec.initContainers !== undefined && {
      initContainerStatuses: list(pod.spec.initContainers),
    }),
    containerStatuses: list(pod.spec.containers),
  };
}

function toContainerStatus(container: ContainerSpec, progress: PodProgress) {
  const { name, image } = container;
  const { state, lastState = {}, restartCount } = progressOf(progress, name);
  return {
    name,
    image,
    imageID: '',
    ready: isReady(container, progress),
    started: 'running' in state,
    restartCount,
    state,
    lastState,
  };
}

/** An init container is ready once it has succeeded, any other while it runs. */
function isReady(container: ContainerSpec, progress: PodProgress): boolean {
  const { state } = progressOf(progress, container.name);
  if (isInit(progress.pod, container) && !isSidecar(progress.pod, container))
    return 'terminated' in state && state.terminated.exitCode === 0;
  return 'running' in state;
}

function progressOf({ containers }: PodProgress, name: string): ContainerProgress {
  return (
    containers.get(name) ?? { state: { waiting: { reason: 'PodInitializing' } }, restartCount: 0 }
  );
}

function toConditions(progress: PodProgress, phase: Phase, now: string) {
  const { pod, podIp, verdict } = progress;
  const inits = pod.spec.initContainers ?? [];
  const sidecars = inits.filter((container) => isSidecar(pod, container));
  const named = (containers: readonly ContainerSpec[]) =>
    containers.filter((container) => !isReady(container, progress)).map(({ name }) => name);
  const incomplete = named(inits);
  const unready = named([...sidecars, ...pod.spec.containers]);
  const isInitialized = incomplete.length === 0 || phase === 'Running' || phase === 'Succeeded';
  const condition = (type: string, isTrue: boolean, reason?: string, message?: string) => ({
    type,
    status: isTrue ? 'True' : 'False',
    lastTransitionTime: now,
    // The merge of a patch keeps what is not named, of a reason that no longer holds too.
    reason: reason ?? null,
    message: message ?? null,
  });
  const end = { Succeeded: 'PodCompleted', Failed: 'PodFailed', Pending: '', Running: '' }[phase];
  const ready = (type: string) => {
    if (end !== '') return condition(type, false, end);
    if (unready.length === 0) return condition(type, true);
    return condition(
      type,
      false,
      'ContainersNotReady',
      `containers with unready status: [${unready.join(' ')}]`,
    );
  };
  return [
    condition('PodReadyToStartContainers', podIp !== undefined && end === ''),
    isInitialized
      ? condition('Initialized', true, phase === 'Succeeded' ? 'PodCompleted' : undefined)
      : condition(
          'Initialized',
          false,
          'ContainersNotInitialized',
          `containers with incomplete status: [${incomplete.join(' ')}]`,
        ),
    ready('Ready'),
    ready('ContainersReady'),
    ...(verdict?.isDisruption === true
      ? [condition('DisruptionTarget', true, 'TerminationByKubelet', verdict.message)]
      : []),
  ];
}
