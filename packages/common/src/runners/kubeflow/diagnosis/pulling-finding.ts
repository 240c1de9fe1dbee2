import { toOneLine } from '../../../jobs/outside-text.ts';
import { type Condition, findTrue, toMs } from '../../../kubernetes/conditions.ts';

/** What is read of a container. */
interface Container {
  readonly name: string;
  readonly image?: string;
  readonly state?: {
    readonly waiting?: { readonly reason?: string };
    readonly running?: object;
    readonly terminated?: object;
  };
  readonly lastState?: { readonly terminated?: object };
}

interface Pod {
  readonly conditions?: readonly Condition[];
  readonly initContainerStatuses?: readonly { readonly name: string }[];
}

const UNMADE_REASONS = new Set(['ContainerCreating', 'PodInitializing']);
/** Most images are there by then, and nobody has to hear of them. */
const PULLED_SOON_MS = 30_000;

/** An image that a pod waits for: with sandbox and volumes there, its first container never began. */
export function findPulling(containers: readonly Container[], pod: Pod = {}) {
  const since = findTrue(pod.conditions, 'PodReadyToStartContainers')?.lastTransitionTime;
  const sinceMs = toMs(since);
  const isUnmade = ({ state, lastState }: Container) =>
    UNMADE_REASONS.has(state?.waiting?.reason ?? '') && lastState?.terminated === undefined;
  const isInit = ({ name }: Container) =>
    pod.initContainerStatuses?.some((init) => init.name === name) === true;
  const unmade = containers.filter(isUnmade);
  // Those that come first have to end before others are made.
  const next = unmade.find(isInit) ?? unmade[0];
  if (sinceMs === undefined || next === undefined) return undefined;
  const isAnyMade = containers.some(({ state }) => state?.running ?? state?.terminated);
  // Since when that of a later container is pulled, nothing tells.
  if (isAnyMade) return undefined;
  return {
    detail: toOneLine(`The image ${next.image ?? ''} is being pulled, since ${since}`),
    atMs: sinceMs,
    fromMs: sinceMs + PULLED_SOON_MS,
  };
}
