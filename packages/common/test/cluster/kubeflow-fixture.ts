import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { parse, stringify } from 'yaml';
import { systemClock } from '../../src/clock.ts';
import type { JobPlan, JobRecord } from '../../src/job.ts';
import { type ApiClient, ApiError, type ApiRequest } from '../../src/kubernetes/api-client.ts';
import { createApiClient } from '../../src/kubernetes/http-api-client.ts';
import { KubeflowRunner } from '../../src/kubernetes/kubeflow-runner.ts';
import { BACKEND_LABEL } from '../../src/train-job/manifest.ts';
import { makePlan, makeRecord } from '../make-record.ts';

export const NAMESPACE = 'trainer-jobs';
const API_VERSION = 'trainer.kubeflow.org/v1alpha1';
const TRAINER = `/apis/${API_VERSION}`;
const RBAC = '/apis/rbac.authorization.k8s.io/v1';

/** Exactly what a KubeflowRunner may do: the tests run as an account that has this and no more. */
export const RUNNER_RULES = [
  {
    apiGroups: ['trainer.kubeflow.org'],
    resources: ['trainjobs'],
    verbs: ['create', 'get', 'list', 'watch', 'delete'],
  },
  { apiGroups: ['trainer.kubeflow.org'], resources: ['trainingruntimes'], verbs: ['get'] },
  { apiGroups: [''], resources: ['pods', 'events'], verbs: ['list', 'watch'] },
];
export const RUNNER_CLUSTER_RULES = [
  { apiGroups: ['trainer.kubeflow.org'], resources: ['clustertrainingruntimes'], verbs: ['get'] },
];

export interface BedJob {
  readonly runtime?: string;
  readonly nodes?: number;
  /** `--testbed-…` options of the simulated pods. */
  readonly args?: readonly string[];
  readonly gpus?: number;
  readonly queue?: string;
  readonly spec?: Record<string, unknown>;
}

/** One backend of its own on the shared test bed, with an administrator and a limited account. */
export class KubeflowFixture {
  readonly backend: string;
  readonly admin: ApiClient;
  readonly #folder: string;
  readonly #closers: (() => Promise<unknown>)[] = [];
  readonly #limited: ApiClient;

  private constructor(backend: string, admin: ApiClient, folder: string, limited: ApiClient) {
    this.backend = backend;
    this.admin = admin;
    this.#folder = folder;
    this.#limited = limited;
  }

  static async open(kubeconfigPath: string, backend: string): Promise<KubeflowFixture> {
    const admin = await createApiClient({ kubeconfigPath });
    const folder = await mkdtemp(join(tmpdir(), 'kubeflow-runner-'));
    const account = `runner-${backend}`;
    const token = await createAccount(admin, account);
    const limitedPath = join(folder, 'kubeconfig');
    const config = parse(await readFile(kubeconfigPath, 'utf8'));
    config.users[0].user = { token };
    await writeFile(limitedPath, stringify(config));
    const limited = await createApiClient({ kubeconfigPath: limitedPath });
    return new KubeflowFixture(backend, admin, folder, limited);
  }

  /** A runner as the limited account; `client` stands between it and the API server. */
  createRunner(client: ApiClient = this.#limited): KubeflowRunner {
    const runner = new KubeflowRunner({
      client,
      clock: systemClock,
      logger: pino({ level: 'silent' }),
      backend: this.backend,
      config: { jobsNamespace: NAMESPACE, trainJobApiVersion: API_VERSION },
    });
    this.#closers.push(() => runner.close());
    return runner;
  }

  get limited(): ApiClient {
    return this.#limited;
  }

  /** Writes a record's Secret; without its owner the garbage collector would take the TrainJob. */
  async createRecord(overrides: Partial<JobRecord> = {}): Promise<JobRecord> {
    const record = makeRecord({ backend: this.backend, ...overrides });
    const secret = await this.admin.call<{ metadata: { uid: string } }>({
      method: 'POST',
      path: `/api/v1/namespaces/${NAMESPACE}/secrets`,
      body: { metadata: { name: record.name, labels: { [BACKEND_LABEL]: this.backend } } },
    });
    return { ...record, uid: secret.metadata.uid };
  }

  async createJob(job: BedJob = {}): Promise<{ record: JobRecord; plan: JobPlan }> {
    const record = await this.createRecord();
    return { record, plan: this.toPlan(record, job) };
  }

  toPlan(record: JobRecord, job: BedJob): JobPlan {
    const { runtime = 'nemo-runtime', nodes = 1, args = [], gpus = 1, queue, spec } = job;
    const amounts = { cpu: '1', 'nvidia.com/gpu': String(gpus) };
    return makePlan(
      record,
      {
        runtimeRef: { name: runtime },
        trainer: {
          numNodes: nodes,
          args,
          env: [],
          resourcesPerNode: { requests: amounts, limits: amounts },
        },
        ...spec,
      },
      {
        namespace: NAMESPACE,
        ...(queue !== undefined && { labels: { 'kueue.x-k8s.io/queue-name': queue } }),
      },
    );
  }

  trainJobPath(name: string): string {
    return `${TRAINER}/namespaces/${NAMESPACE}/trainjobs/${name}`;
  }

  jobSetPath(name: string): string {
    return `/apis/jobset.x-k8s.io/v1alpha2/namespaces/${NAMESPACE}/jobsets/${name}`;
  }

  /** Watches as the administrator until an object of that collection is as wanted. */
  async untilAny<T extends { metadata: { name: string } }>(
    request: Pick<ApiRequest, 'path' | 'query'>,
    isWanted: (items: ReadonlyMap<string, T>) => boolean,
    timeoutMs = 60_000,
  ): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    const list = await this.admin.call<{
      metadata: { resourceVersion: string };
      items: T[];
    }>({ method: 'GET', ...request });
    const items = new Map(list.items.map((item) => [item.metadata.name, item]));
    if (isWanted(items)) return;
    const { resourceVersion } = list.metadata;
    const query = { ...request.query, resourceVersion };
    const events = this.admin.watch<T>({ method: 'GET', path: request.path, query, signal });
    for await (const { type, object } of events) {
      if (type === 'DELETED') items.delete(object.metadata.name);
      else items.set(object.metadata.name, object);
      if (isWanted(items)) return;
    }
    throw new Error(`${request.path} was not as wanted within ${timeoutMs} ms`);
  }

  /** Waits until no pod of a job is left. */
  untilNoPods(name: string): Promise<void> {
    const query = { labelSelector: `jobset.sigs.k8s.io/jobset-name=${name}` };
    const path = `/api/v1/namespaces/${NAMESPACE}/pods`;
    return this.untilAny({ path, query }, (items) => items.size === 0);
  }

  /** Applies an object for the time of the fixture. */
  async create(collection: string, body: { metadata: { name: string } } & object): Promise<void> {
    await this.admin.call({ method: 'POST', path: collection, body });
    const path = `${collection}/${body.metadata.name}`;
    this.#closers.push(() => ignoreAbsent(this.admin.call({ method: 'DELETE', path })));
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
    const query = { labelSelector: `${BACKEND_LABEL}=${this.backend}` };
    for (const path of [
      `${TRAINER}/namespaces/${NAMESPACE}/trainjobs`,
      `/api/v1/namespaces/${NAMESPACE}/secrets`,
    ]) {
      await this.admin.call({ method: 'DELETE', path, query });
    }
    await deleteAccount(this.admin, `runner-${this.backend}`);
    await Promise.all([this.#limited.close(), this.admin.close()]);
    await rm(this.#folder, { recursive: true });
  }
}

async function createAccount(admin: ApiClient, name: string): Promise<string> {
  const core = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts`;
  const subjects = [{ kind: 'ServiceAccount', name, namespace: NAMESPACE }];
  const apiGroup = 'rbac.authorization.k8s.io';
  const metadata = { name };
  const post = (path: string, body: object) => admin.call({ method: 'POST', path, body });
  await deleteAccount(admin, name);
  await post(core, { metadata });
  await post(`${RBAC}/namespaces/${NAMESPACE}/roles`, { metadata, rules: RUNNER_RULES });
  await post(`${RBAC}/namespaces/${NAMESPACE}/rolebindings`, {
    ...{ metadata, subjects },
    roleRef: { apiGroup, kind: 'Role', name },
  });
  await post(`${RBAC}/clusterroles`, { metadata, rules: RUNNER_CLUSTER_RULES });
  await post(`${RBAC}/clusterrolebindings`, {
    ...{ metadata, subjects },
    roleRef: { apiGroup, kind: 'ClusterRole', name },
  });
  const { status } = await admin.call<{ status: { token: string } }>({
    method: 'POST',
    path: `${core}/${name}/token`,
    body: { spec: { expirationSeconds: 3600 } },
  });
  return status.token;
}

async function deleteAccount(admin: ApiClient, name: string): Promise<void> {
  for (const collection of [
    `${RBAC}/clusterrolebindings`,
    `${RBAC}/clusterroles`,
    `${RBAC}/namespaces/${NAMESPACE}/rolebindings`,
    `${RBAC}/namespaces/${NAMESPACE}/roles`,
    `/api/v1/namespaces/${NAMESPACE}/serviceaccounts`,
  ]) {
    await ignoreAbsent(admin.call({ method: 'DELETE', path: `${collection}/${name}` }));
  }
}

async function ignoreAbsent(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
  }
}
