import type { Condition } from '../src/kubernetes/conditions.ts';
import type {
  ChildJobs,
  SeenTrainJob,
  TrainJobObject,
} from '../src/runners/kubeflow/status/train-job-object.ts';

export const RECORD_UID = 'record-uid';
export const TRAIN_JOB_UID = 'train-job-uid';

type Conditions = Record<string, Partial<Condition>>;

/** Builds a TrainJob as Trainer v2.3 writes them: `makeTrainJob().jobs({node: {active: 1}})`. */
export class TrainJobBuilder {
  #object: TrainJobObject = {
    metadata: {
      name: 'nemo-job',
      uid: TRAIN_JOB_UID,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ownerReferences: [{ kind: 'Secret', uid: RECORD_UID }],
    },
    spec: { trainer: { numNodes: 1 } },
  };

  metadata(metadata: Partial<TrainJobObject['metadata']>): this {
    this.#object = { ...this.#object, metadata: { ...this.#object.metadata, ...metadata } };
    return this;
  }

  spec(spec: NonNullable<TrainJobObject['spec']>): this {
    this.#object = { ...this.#object, spec: { ...this.#object.spec, ...spec } };
    return this;
  }

  nodes(numNodes: number): this {
    return this.spec({ trainer: { numNodes } });
  }

  jobs(jobs: Record<string, Omit<ChildJobs, 'name'>>): this {
    const none = { ready: 0, active: 0, succeeded: 0, failed: 0, suspended: 0 };
    const jobsStatus = Object.entries(jobs).map(([name, counts]) => ({ name, ...none, ...counts }));
    return this.status({ jobsStatus });
  }

  conditions(conditions: Conditions): this {
    return this.status({
      conditions: Object.entries(conditions).map(([type, rest]) => ({
        type,
        status: 'True',
        lastTransitionTime: '2026-01-01T01:00:00Z',
        ...rest,
      })),
    });
  }

  status(status: NonNullable<TrainJobObject['status']>): this {
    this.#object = { ...this.#object, status: { ...this.#object.status, ...status } };
    return this;
  }

  obj(): TrainJobObject {
    return this.#object;
  }

  seen(startedAtMs?: number): SeenTrainJob {
    return { ...this.#object, startedAtMs };
  }
}

export function makeTrainJob(): TrainJobBuilder {
  return new TrainJobBuilder();
}
