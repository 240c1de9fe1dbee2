import { randomUUID } from 'node:crypto';
import pino from 'pino';
import { vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { JobRecord, JsonObject } from '../../src/jobs/job.ts';
import type { JobSpec } from '../../src/jobs/job-spec.ts';
import { createSoleLeadership, type Leadership } from '../../src/jobs/leadership.ts';
import { type ApiClient, ApiError, type ApiRequest } from '../../src/kubernetes/api-client.ts';
import { createApiClient } from '../../src/kubernetes/http-client.ts';
import { BACKEND_LABEL, QUEUE_LABEL } from '../../src/kubernetes/labels.ts';
import { KubeflowRunner } from '../../src/runners/kubeflow/kubeflow-runner.ts';
import { makeConfig, specify } from '../builders.ts';
import { SUITE_SECRET } from '../job-runner-contract.ts';
import { makeRecord } from '../make-record.ts';
import { follow, type Named } from './follow.ts';
import { type PolicyRule, TestCluster } from './test-cluster.ts';

export const TRAINER_API = '/apis/trainer.kubeflow.org/v1alpha1';
export const MERGE_PATCH = 'application/merge-patch+json';
const BACKEND = 'nemo';

/** Exactly what a KubeflowRunner may do: the tests run as an account that has this and no more. */
export const RUNNER_RULES = [
  {
    apiGroups: ['trainer.kubeflow.org'],
    resources: ['trainjobs'],
    verbs: ['create', 'get', 'list', 'watch', 'delete'],
  },
  { apiGroups: ['trainer.kubeflow.org'], resources: ['trainingruntimes'], verbs: ['get'] },
  { apiGroups: [''], resources: ['pods', 'events'], verbs: ['list', 'watch'] },
  { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] },
];

export interface RunnerOptions {
  readonly client?: ApiClient;
  readonly leadership?: Leadership;
  readonly env?: Record<string, string>;
}

/** The leadership of a replica that leads for good. */
export const LEADER = createSoleLeadership(systemClock);
const FOLLOWER: Leadership = { ...LEADER, isLeader: () => false };

export interface BedJob {
  readonly runtime?: string;
  readonly nodes?: number;
  /** `--testbed-…` options of the simulated pods. */
  readonly args?: readonly string[];
  readonly gpus?: number;
  readonly queue?: string;
  readonly spec?: Record<string, unknown>;
}

/** Runners of a limited account in a namespace of their own on a real control plane. */
export class KubeflowFixture {
  readonly #cluster: TestCluster;
  readonly #limited: ApiClient;
  readonly #closers: (() => Promise<unknown>)[] = [];

  private constructor(cluster: TestCluster, limited: ApiClient) {
    this.#cluster = cluster;
    this.#limited = limited;
  }

  static async open(kubeconfigPath: string): Promise<KubeflowFixture> {
    const cluster = await TestCluster.create(kubeconfigPath);
    const fixture = new KubeflowFixture(cluster, await connectAs(cluster, RUNNER_RULES));
    // Pods cannot be made before the namespace has it.
    await fixture.untilAny({ path: fixture.core('serviceaccounts') }, (all) => all.has('default'));
    return fixture;
  }

  get admin(): ApiClient {
    return this.#cluster.admin;
  }

  /** The API as the limited account sees it. */
  get limited(): ApiClient {
    return this.#limited;
  }

  get namespace(): string {
    return this.#cluster.namespace;
  }

  core(resource: string): string {
    return `/api/v1/namespaces/${this.namespace}/${resource}`;
  }

  trainJobPath(name: string): string {
    return `${TRAINER_API}/namespaces/${this.namespace}/trainjobs/${name}`;
  }

  jobSetPath(name: string): string {
    return `/apis/jobset.x-k8s.io/v1alpha2/namespaces/${this.namespace}/jobsets/${name}`;
  }

  /** Another account of the namespace; its connection ends with the fixture. */
  async connectAs(rules: readonly PolicyRule[]): Promise<ApiClient> {
    const client = await connectAs(this.#cluster, rules);
    this.#closers.push(() => client.close());
    return client;
  }

  /** A runner of the limited account that does not lead, unless something else is said. */
  createRunner({
    client = this.#limited,
    leadership = FOLLOWER,
    env = {},
  }: RunnerOptions = {}): KubeflowRunner {
    const runner = new KubeflowRunner({
      client,
      clock: systemClock,
      random: Math.random,
      logger: pino({ level: 'silent' }),
      backend: BACKEND,
      config: makeConfig({
        TRAINER_JOBS_NAMESPACE: this.namespace,
        TRAINER_RUNTIME_NAME: 'nemo-runtime',
        ...env,
      }),
      leadership,
      findJobId: () => undefined,
    });
    this.#closers.push(() => runner.close());
    return runner;
  }

  /** Writes a record's Secret: without its owner the garbage collector would take a TrainJob. */
  async createRecord(overrides: Partial<JobRecord> = {}): Promise<JobRecord> {
    const record = makeRecord({ backend: BACKEND, ...overrides });
    const secret = await this.admin.call<{ metadata: { uid: string } }>({
      method: 'POST',
      path: this.core('secrets'),
      body: { metadata: { name: record.name, labels: { [BACKEND_LABEL]: BACKEND } } },
    });
    return { ...record, uid: secret.metadata.uid };
  }

  async createJob(job: BedJob = {}): Promise<{ record: JobRecord; plan: JsonObject }> {
    const record = await this.createRecord();
    return { record, plan: this.toPlan(record, job) };
  }

  /** A plan of a TrainJob that is written by hand, to try what no request would make of it. */
  toPlan({ name }: JobRecord, job: BedJob): JsonObject {
    const { runtime = 'nemo-runtime', nodes = 1, args = [], gpus = 1, queue, spec } = job;
    const amounts = { cpu: '1', 'nvidia.com/gpu': String(gpus) };
    return {
      manifest: {
        apiVersion: 'trainer.kubeflow.org/v1alpha1',
        kind: 'TrainJob',
        metadata: {
          name,
          namespace: this.namespace,
          labels: {
            ...(queue !== undefined && { [QUEUE_LABEL]: queue }),
            [BACKEND_LABEL]: BACKEND,
          },
          annotations: {},
        },
        spec: {
          runtimeRef: { name: runtime },
          trainer: {
            numNodes: nodes,
            ...(args.length > 0 && { args }),
            resourcesPerNode: { requests: amounts, limits: amounts },
          },
          ...spec,
        },
      },
    };
  }

  /** The spec of a job of a request, whose simulated pods do as `args` say. */
  makeSpec(args: readonly string[], changes: Record<string, unknown> = {}): JobSpec {
    const body = {
      job_id: randomUUID(),
      'base_model.auth_token': SUITE_SECRET,
      'extra_parameters.trainer_args': args,
      'resources.cpus': 1,
      'resources.memory_gb': 1,
      ...changes,
    };
    return specify(body, { traits: { name: BACKEND } }).spec;
  }

  /** Waits, by a watch of the administrator's, until the objects of a collection are as wanted. */
  async untilAny<T extends Named>(
    collection: Pick<ApiRequest, 'path' | 'query'>,
    isWanted: (items: ReadonlyMap<string, T>) => boolean,
    timeoutMs = 60_000,
  ): Promise<void> {
    const until = await follow<T>(this.admin, collection);
    await until(isWanted, timeoutMs);
  }

  untilNoPods(name: string): Promise<void> {
    const query = { labelSelector: `jobset.sigs.k8s.io/jobset-name=${name}` };
    return this.untilAny({ path: this.core('pods'), query }, (pods) => pods.size === 0);
  }

  /** Creates an object outside the namespace, to be removed with the fixture at the latest. */
  async createClusterWide<T extends Named>(collection: string, body: T): Promise<void> {
    await this.admin.call({ method: 'POST', path: collection, body });
    const path = `${collection}/${body.metadata.name}`;
    this.#closers.push(() => this.admin.call({ method: 'DELETE', path }).catch(ignoreAbsence));
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
    await this.#limited.close();
    await this.#cluster.close();
  }
}

/** Resolves when the API server knows what the new account may do, which nothing announces. */
async function connectAs(cluster: TestCluster, rules: readonly PolicyRule[]): Promise<ApiClient> {
  const client = await createApiClient({ kubeconfigPath: await cluster.createAccount(rules) });
  const path = `${TRAINER_API}/namespaces/${cluster.namespace}/trainjobs`;
  await vi.waitFor(() => client.call({ method: 'GET', path }), { timeout: 10_000 });
  return client;
}

function ignoreAbsence(error: unknown): void {
  if (!(error instanceof ApiError && error.status === 404)) throw error;
}
