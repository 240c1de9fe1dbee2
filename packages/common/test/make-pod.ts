import type { EventObject } from '../src/runners/kubeflow/diagnosis/event-finding.ts';
import type { ContainerStatus, PodObject } from '../src/runners/kubeflow/diagnosis/pod-finding.ts';

const CREATED = '2026-01-01T00:00:00Z';

/** Builds a pod as a kubelet and the scheduler leave them: `makePod().failed({exitCode: 3})`. */
export class PodBuilder {
  #object: PodObject = {
    metadata: {
      name: 'nemo-job-node-0-0-abcde',
      uid: 'pod-uid',
      resourceVersion: '1',
      creationTimestamp: CREATED,
    },
    status: { phase: 'Pending' },
  };

  metadata(metadata: Partial<PodObject['metadata']>): this {
    this.#object = { ...this.#object, metadata: { ...this.#object.metadata, ...metadata } };
    return this;
  }

  spec(spec: NonNullable<PodObject['spec']>): this {
    this.#object = { ...this.#object, spec };
    return this;
  }

  status(status: NonNullable<PodObject['status']>): this {
    this.#object = { ...this.#object, status: { ...this.#object.status, ...status } };
    return this;
  }

  container(
    state: NonNullable<ContainerStatus['state']>,
    rest: Partial<ContainerStatus> = {},
  ): this {
    const status = { name: 'node', image: 'registry.example/train:1', state, ...rest };
    return this.status({ containerStatuses: [status] });
  }

  unschedulable(message: string): this {
    const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message };
    return this.status({ conditions: [condition] });
  }

  running(): this {
    return this.status({ phase: 'Running' }).container({ running: {} });
  }

  failed(terminated: NonNullable<NonNullable<ContainerStatus['state']>['terminated']>): this {
    return this.status({ phase: 'Failed' }).container({ terminated });
  }

  obj(): PodObject {
    return this.#object;
  }
}

export function makePod(): PodBuilder {
  return new PodBuilder();
}

/** A Warning Event in the older form; `involved` is `Kind/name`. */
export function makeEvent(
  involved: string,
  reason: string,
  message: string,
  rest: Partial<EventObject> = {},
): EventObject {
  const [kind = '', name = ''] = involved.split('/');
  return {
    metadata: { name: `${name}.1`, uid: `${name}-event`, resourceVersion: '1' },
    involvedObject: { kind, name },
    type: 'Warning',
    reason,
    message,
    lastTimestamp: CREATED,
    ...rest,
  };
}
