import type { ApiObject } from './api-object.ts';
import type { FakeApiServer } from './fake-api-server.ts';

export const TRAINER_API = '/apis/trainer.kubeflow.org/v1alpha1';
const SPEC_FIELDS = [
  'runtimeRef',
  'trainer',
  'initializer',
  'suspend',
  'labels',
  'annotations',
  'managedBy',
  'runtimePatches',
  'activeDeadlineSeconds',
];

/** How the run of a TrainJob goes on, one step after the other. */
export type Outcome = 'succeeded' | 'failed' | 'never';

/**
 * Kubeflow Trainer v2.3 on a fake API server: its schema, one runtime, and TrainJobs that go on when
 * a test says so, through the same counts and conditions as the real ones.
 */
export class FakeTrainer {
  readonly #server: FakeApiServer;
  readonly #trainJobs: string;

  constructor(server: FakeApiServer, namespace: string, runtimes: readonly string[]) {
    this.#server = server;
    this.#trainJobs = `${TRAINER_API}/namespaces/${namespace}/trainjobs`;
    this.installSchema(SPEC_FIELDS);
    for (const name of runtimes) {
      const replicatedJobs = [{ name: 'node' }];
      server.create(`${TRAINER_API}/clustertrainingruntimes`, {
        ...{ apiVersion: 'trainer.kubeflow.org/v1alpha1', kind: 'ClusterTrainingRuntime' },
        metadata: { name },
        spec: { template: { spec: { replicatedJobs } } },
      });
    }
  }

  /** Installs a release whose TrainJobs have these fields in their spec. */
  installSchema(specFields: readonly string[]): void {
    this.#server.specFields.set('trainjobs', specFields);
    const serverRelativeURL = `/openapi/v3${TRAINER_API}?hash=${specFields.length}`;
    this.#server.documents.set('/openapi/v3', {
      paths: { [TRAINER_API.slice(1)]: { serverRelativeURL } },
    });
    const properties = Object.fromEntries(specFields.map((name) => [name, {}]));
    const schema = {
      properties: { spec: { properties } },
      'x-kubernetes-group-version-kind': [{ kind: 'TrainJob' }],
    };
    this.#server.documents.set(`/openapi/v3${TRAINER_API}`, {
      components: { schemas: { TrainJob: schema } },
    });
  }

  path(name: string): string {
    return `${this.#trainJobs}/${name}`;
  }

  get(name: string): ApiObject | undefined {
    return this.#server.get(this.path(name));
  }

  /** All pods wait, all are ready, then the end. */
  step(name: string, outcome: Outcome): void {
    const { jobsStatus } = (this.get(name)?.status ?? {}) as { jobsStatus?: { ready: number }[] };
    if (jobsStatus === undefined) this.#count(name, { active: 1 });
    else if (jobsStatus[0]?.ready === 0) this.#count(name, { active: 1, ready: 1 });
    else if (outcome === 'succeeded') this.end(name, 'Complete', 'AllJobsCompleted');
    else if (outcome === 'failed') this.end(name, 'Failed', 'FailedJobs', 'jobset failed');
  }

  run(name: string): void {
    this.#count(name, { active: 1, ready: 1 });
  }

  end(name: string, type: 'Complete' | 'Failed', reason: string, message = ''): void {
    const lastTransitionTime = new Date(Date.now() + 1000).toISOString().replace(/\.\d+/, '');
    const condition = { type, status: 'True', reason, message, lastTransitionTime };
    this.#server.setStatus(this.path(name), { conditions: [condition] });
  }

  #count(name: string, counts: { active?: number; ready?: number }): void {
    const none = { active: 0, ready: 0, succeeded: 0, failed: 0, suspended: 0 };
    this.#server.setStatus(this.path(name), { jobsStatus: [{ name: 'node', ...none, ...counts }] });
  }
}
