import type { Pod } from './pod.ts';

/** Keys of a Secret or a ConfigMap, decoded. */
export type Keys = Readonly<Record<string, Buffer>>;

/** What a node needs of the API server to run the pods that are bound to it. */
export interface NodeApi {
  /** Undefined when there is no such object. */
  readKeys(
    kind: 'Secret' | 'ConfigMap',
    namespace: string,
    name: string,
  ): Promise<Keys | undefined>;
  createToken(
    pod: Pod,
    options: { readonly audience?: string; readonly expirationSeconds?: number },
  ): Promise<string>;
  /** Whether the pod was still there. */
  writeStatus(pod: Pod, status: object): Promise<boolean>;
  /** For good: without a grace, and only this very pod. */
  removePod(pod: Pod): Promise<void>;
  tell(pod: Pod, event: PodEvent): Promise<void>;
}

export interface PodEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}
